"""A lock file of packages → what of them stands in the layer.

::

    requirement_lines.py   a requirements file and what it includes → lines, as pip reads them
    requirements.py        these → what they ask for on the target, with hashes
    wheels.py              that → wheels, by pip
    abi.py                 can the target load what is compiled in them?
    install.py             wheels → files, each with its owner

No code of a package runs in any of this: a wheel is unpacked, and compiled to bytecode as the standard library is.
"""
