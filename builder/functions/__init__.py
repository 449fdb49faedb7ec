"""A function's folder, and a lock file of packages → the zip that Lambda gets.

::

    source.py          the folder → its files, and the bytecode that it brings
    compiler.py        what an interpreter's plug-in does with them
    package.py         both, and locked packages → the zip
    options.py         what of it a command line chooses

The same files give the same bytes, so a zip's sha256 shows whether the code has changed.
"""
