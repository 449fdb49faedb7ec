"""Builds an AWS Lambda layer holding CPython, the same bytes wherever it runs."""

import sys
from pathlib import Path

if sys.version_info < (3, 11, 4):  # its tarfile knows no filters; ./nox looks for another one, other nox do not
    sys.exit("error: the builder needs Python 3.11.4 or newer")

__version__ = "0.1.0"

DISTRIBUTION = "static-python-layer"
"""Name of the distribution, the cache folder and the User-Agent."""

CACHE_VARIABLE = "STATIC_PYTHON_CACHE"
"""Environment variable that names the folder of store and downloads."""

ARCH_VARIABLE = "STATIC_PYTHON_ARCH"
"""Environment variable that names the architecture to build and test if nothing else does."""

PRODUCT_VARIABLE = "STATIC_PYTHON_PRODUCT"
"""Environment variable that names the product to build and test if nothing else does."""

ROOT = Path(__file__).parent.parent
"""The repository."""

DIST = ROOT / "dist"
"""Where layers, what attests them and their registry are unless another folder is named."""
