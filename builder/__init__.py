"""Builds an AWS Lambda layer holding CPython, the same bytes wherever it runs."""

from pathlib import Path

__version__ = "0.1.0"

DISTRIBUTION = "static-python-layer"
"""Name of the distribution, the cache folder and the User-Agent."""

CACHE_VARIABLE = "STATIC_PYTHON_CACHE"
"""Environment variable that names the folder of store and downloads."""

ARCH_VARIABLE = "STATIC_PYTHON_ARCH"
"""Environment variable that names the architecture to build and test if nothing else does."""

ROOT = Path(__file__).parent.parent
"""The repository."""
