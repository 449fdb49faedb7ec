"""The managed runtime's modules, by their names, for code that reaches into them: found when somebody imports them.

Only what public code uses is here, with what it does there; the loop is in ``layer_runtime``. What is replaced in
``bootstrap`` or in the client's class counts from the next invocation on. A copy in the function's package is not
imported, as on the managed runtime, where the one that runs is loaded already.
"""

__version__ = "4.2.2"
"""The release whose names and behaviour these are."""
