"""PHP as a plug-in: `builder.interpreters.Interpreter` says what each name here is.

::

    product.py         what stands in a product's folder
    recipe.py          the interpreter
    assemble.py        compiled files → the tree at /opt
    runtime.py         the loop as it ships
    origins.py         a file of the tree → its sources
    describe.py        what the engine asks before anything is built
"""

from builder.interpreters.php.assemble import DATA, TREE_FILES, assemble
from builder.interpreters.php.describe import facts, recipes, rules
from builder.interpreters.php.origins import origins
from builder.interpreters.php.product import FILES
from builder.interpreters.php.runtime import lay_runtime

__all__ = ["DATA", "FILES", "TREE_FILES", "assemble", "facts", "lay_runtime", "origins", "recipes", "rules"]
