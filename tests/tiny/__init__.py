"""A second interpreter, as small as one can be: it proves that the engine knows none in particular.

``tiny.c`` is the interpreter: the kernel runs it on ``bootstrap``, whose second line is the program. `plugin` is what
the engine loads; ``tests/builds/test_tiny_interpreter.py`` builds, audits, packs, verifies and invokes it.
"""
