"""What Lambda is asked for, as data: boto3 carries it out, and a person can read it as commands."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore import xform_name

from builder.aws.upload import Package


@dataclass(frozen=True)
class Bytes:
    """A file's content, as an argument."""

    path: Path


@dataclass(frozen=True)
class Call:
    """One request about a function, and the waiter that tells when it has had its effect."""

    operation: str
    """``CreateFunction``"""
    arguments: Mapping[str, Any]
    """Parameters of the operation as AWS names them; `Bytes` stands for a file's content."""
    waiter: str
    """``FunctionActiveV2``"""

    def parameters(self) -> dict[str, Any]:
        """For boto3."""
        return {name: _loaded(value) for name, value in self.arguments.items()}

    def commands(self, ending: tuple[str, ...]) -> list[str]:
        """For a shell with the aws command line; ``ending`` says which region and endpoint."""
        words = [word for name, value in self.arguments.items() for word in _words(name, value)]
        waiting = ("wait", _dashed(self.waiter), "--function-name", self.arguments["FunctionName"])
        return [
            shlex.join(("aws", "lambda", _dashed(self.operation), *words, *ending)),
            shlex.join(("aws", "lambda", *waiting, *ending)),
        ]


def copying(package: Package, region: str, ending: tuple[str, ...]) -> str:
    """The command that puts a package where Lambda is told to find it."""
    place = package.place(region)
    return shlex.join(("aws", "s3", "cp", str(package.path), f"s3://{place['S3Bucket']}/{place['S3Key']}", *ending))


def _loaded(value: Any) -> Any:
    if isinstance(value, Bytes):
        return value.path.read_bytes()
    return {name: _loaded(part) for name, part in value.items()} if isinstance(value, Mapping) else value


def _words(name: str, value: Any) -> tuple[str, ...]:
    """An argument as the aws command line takes it."""
    match value:
        case {"ZipFile": Bytes(path)} | Bytes(path):
            return ("--zip-file", f"fileb://{path}")
        case Mapping():
            return (f"--{_dashed(name)}", json.dumps(value))
        case list():
            return (f"--{_dashed(name)}", *value)
        case _:
            return (f"--{_dashed(name)}", str(value))


def _dashed(name: str) -> str:
    return xform_name(name, "-")
