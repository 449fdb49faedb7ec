"""API calls to Lambda as data, which boto3 executes, and which are also printed as commands of the AWS CLI."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore import xform_name

from builder.aws.upload import Package


@dataclass(frozen=True)
class FileContent:
    """A file's content as a parameter."""

    path: Path


@dataclass(frozen=True)
class Call:
    """One API call on a function, and the waiter that returns when it has taken effect."""

    operation: str
    """``CreateFunction``"""
    parameters: Mapping[str, Any]
    """The operation's parameters as AWS names them; `FileContent` stands for a file's content."""
    waiter: str
    """``FunctionActiveV2``"""

    def boto3_parameters(self) -> dict[str, Any]:
        """The parameters for boto3, file contents loaded."""
        return {name: _load(value) for name, value in self.parameters.items()}

    def cli_commands(self, options: tuple[str, ...]) -> list[str]:
        """The call and its waiter as shell commands of the AWS CLI; ``options`` name the region and the endpoint."""
        arguments = [word for name, value in self.parameters.items() for word in _cli_arguments(name, value)]
        wait = ("wait", _kebab_case(self.waiter), "--function-name", self.parameters["FunctionName"])
        return [
            shlex.join(("aws", "lambda", _kebab_case(self.operation), *arguments, *options)),
            shlex.join(("aws", "lambda", *wait, *options)),
        ]


def s3_upload_command(package: Package, region: str, options: tuple[str, ...]) -> str:
    """The AWS CLI command that uploads a package to the S3 location given to Lambda."""
    location = package.s3_location(region)
    url = f"s3://{location['S3Bucket']}/{location['S3Key']}"
    return shlex.join(("aws", "s3", "cp", str(package.path), url, *options))


def _load(value: Any) -> Any:
    if isinstance(value, FileContent):
        return value.path.read_bytes()
    return {name: _load(part) for name, part in value.items()} if isinstance(value, Mapping) else value


def _cli_arguments(name: str, value: Any) -> tuple[str, ...]:
    """A parameter as arguments of the AWS CLI."""
    match value:
        case {"ZipFile": FileContent(path)} | FileContent(path):
            return ("--zip-file", f"fileb://{path}")
        case Mapping():
            return (f"--{_kebab_case(name)}", json.dumps(value))
        case list():
            return (f"--{_kebab_case(name)}", *value)
        case _:
            return (f"--{_kebab_case(name)}", str(value))


def _kebab_case(name: str) -> str:
    return xform_name(name, "-")
