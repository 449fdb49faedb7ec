"""Builds an AWS Lambda layer holding CPython, the same bytes wherever it runs."""

__version__ = "0.1.0"

DISTRIBUTION = "static-python-layer"
"""Name of the distribution, the cache folder and the User-Agent."""
