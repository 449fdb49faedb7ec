"""How records are written."""

from layer_runtime.function_logging import JsonFormatter

__all__ = ["JsonFormatter"]
