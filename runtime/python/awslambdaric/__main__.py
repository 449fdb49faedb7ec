"""What the managed runtime's start script imports as ``awslambdaricmain``."""

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

__all__ = ["LambdaRuntimeClient", "bootstrap"]
