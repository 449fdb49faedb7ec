"""CPython as a plug-in: `builder.interpreters.Interpreter` says what each name here is.

::

    product.py         what stands in a product's folder
    recipe.py          the interpreter; build_python.py: the one that runs during a build
    assemble.py        compiled files → the tree at /opt: relocate.py, trim.py, bytecode.py
    runtime.py         the loop as it ships: startup_bundle.py, bytecode.py
    origins.py         a file of the tree → its sources
    packages/          wheels, for --packages
    functions.py       a function with its bytecode: function_bytecode.py
"""

from builder.interpreters.cpython.assemble import DATA, TREE_FILES, assemble
from builder.interpreters.cpython.describe import facts, recipes, rules
from builder.interpreters.cpython.functions import TOOL, compile_function, package_files
from builder.interpreters.cpython.origins import origins
from builder.interpreters.cpython.packages.step import install_packages, lock_packages
from builder.interpreters.cpython.product import FILES
from builder.interpreters.cpython.runtime import lay_runtime

__all__ = [
    "DATA",
    "FILES",
    "TOOL",
    "TREE_FILES",
    "assemble",
    "compile_function",
    "facts",
    "install_packages",
    "lay_runtime",
    "lock_packages",
    "origins",
    "package_files",
    "recipes",
    "rules",
]
