"""Creates a function on the layer, or updates whatever differs from what is requested."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError

from builder.aws.calls import Call, FileContent
from builder.aws.clients import Clients, split_arn, translate_aws_errors
from builder.aws.errors import LayerNotFound, NotReady
from builder.aws.registry import LayerRegistry
from builder.aws.upload import Package, upload
from builder.product import Product

ROLE_ATTEMPTS = 10
ROLE_DELAY = 3
"""Seconds between attempts. It takes IAM a while to let Lambda use a new role."""


@dataclass(frozen=True)
class Function:
    """The requested function. None leaves a setting unchanged, or at Lambda's default in a new function."""

    name: str
    handler: str
    role: str
    runtime: str
    architecture: str
    layers: tuple[str, ...]
    """ARNs of layer versions."""
    memory: int | None
    """MB"""
    timeout: int | None
    """Seconds."""
    environment: Mapping[str, str] | None
    package: Package

    def configuration(self) -> dict[str, Any]:
        """Lambda's parameters, except the code and the architecture, which belongs to the code."""
        wanted = {
            "Runtime": self.runtime,
            "Role": self.role,
            "Handler": self.handler,
            "Layers": list(self.layers),
            "MemorySize": self.memory,
            "Timeout": self.timeout,
            "Environment": None if self.environment is None else {"Variables": dict(self.environment)},
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def code(self, region: str) -> dict[str, Any]:
        return (
            self.package.s3_location(region) if self.package.through_s3 else {"ZipFile": FileContent(self.package.path)}
        )


def plan_calls(function: Function, found: Mapping[str, Any] | None, region: str) -> tuple[Call, ...]:
    """The calls that turn what Lambda has (None: no such function) into what is requested. Pure."""
    name = {"FunctionName": function.name}
    wanted = function.configuration()
    architectures = [function.architecture]
    if found is None:
        code = {"Code": function.code(region), "Architectures": architectures}
        return (Call("CreateFunction", name | wanted | code, "FunctionActiveV2"),)
    calls = []
    sha256 = base64.b64encode(bytes.fromhex(function.package.sha256)).decode()
    if (found["CodeSha256"], found.get("Architectures", ["x86_64"])) != (sha256, architectures):
        code = {**function.code(region), "Architectures": architectures}
        calls.append(Call("UpdateFunctionCode", name | code, "FunctionUpdatedV2"))
    present = {
        **found,
        "Layers": [layer["Arn"] for layer in found.get("Layers", ())],
        "Environment": {"Variables": found.get("Environment", {}).get("Variables", {})},
    }
    if changed := {key: value for key, value in wanted.items() if present.get(key) != value}:
        calls.append(Call("UpdateFunctionConfiguration", name | changed, "FunctionUpdatedV2"))
    return tuple(calls)


def find_function(name: str, clients: Clients) -> dict[str, Any] | None:
    """The function's configuration, after waiting for any update in progress; None if there is no such function."""
    with translate_aws_errors("looking for the function", clients.region):
        try:
            found = dict(clients.functions.get_function_configuration(FunctionName=name))
        except clients.functions.exceptions.ResourceNotFoundException:
            return None
    for field, in_progress, waiter in (
        ("State", "Pending", "FunctionActiveV2"),
        ("LastUpdateStatus", "InProgress", "FunctionUpdatedV2"),
    ):
        if found.get(field) == in_progress:
            _wait(name, waiter, clients)
            return find_function(name, clients)
    return found


def apply(calls: tuple[Call, ...], function: Function, clients: Clients) -> None:
    """Makes the calls in order, waiting for each to take effect."""
    if function.package.through_s3 and any(call.operation != "UpdateFunctionConfiguration" for call in calls):
        upload(function.package, clients)
    for call in calls:
        with translate_aws_errors(call.operation, clients.region):
            _send(call, clients)
        _wait(function.name, call.waiter, clients)


def _send(call: Call, clients: Clients) -> None:
    for attempts_left in reversed(range(ROLE_ATTEMPTS)):
        try:
            getattr(clients.functions, xform_name(call.operation))(**call.boto3_parameters())
        except ClientError as error:
            if "cannot be assumed" not in error.response["Error"].get("Message", "") or not attempts_left:
                raise
            time.sleep(ROLE_DELAY)
        else:
            return


def _wait(name: str, waiter: str, clients: Clients) -> None:
    with translate_aws_errors("waiting for the function", clients.region):
        try:
            clients.functions.get_waiter(xform_name(waiter)).wait(FunctionName=name)  # type: ignore[call-overload]
        except WaiterError as error:
            state: dict[str, str] = cast("Any", error.last_response).get("Configuration", {})
            reason = state.get("StateReason") or state.get("LastUpdateStatusReason") or "Lambda gives no reason."
            raise NotReady(
                f"{clients.region}: {name} did not become ready.", str(reason), "Fix that, and run it again."
            ) from error


def check_layers(layers: tuple[str, ...], architecture: str, clients: Clients) -> None:
    """`LayerNotFound` unless every layer exists and is for this architecture."""
    for arn in layers:
        with translate_aws_errors(f"looking at {arn}", clients.region):
            name, version = split_arn(arn)
            found = clients.functions.get_layer_version(LayerName=name, VersionNumber=version)
        compatible: list[str] = list(found.get("CompatibleArchitectures", ())) or [architecture]
        if architecture not in compatible:
            raise LayerNotFound(
                f"{arn} is not for {architecture}.",
                f"It is for {', '.join(compatible)}.",
                f"Pass --arch {compatible[0]}, or another --layer.",
            )


def recorded_layer(registry: LayerRegistry, region: str, architecture: str, product: Product) -> str:
    """The ARN of the layer published to a region; `LayerNotFound` unless the registry has exactly one."""
    match list(registry.arns(region, architecture, product).items()):
        case [(_, arn)]:
            return arn
        case []:
            raise LayerNotFound(
                f"No layer with {product.name} {product.version} for {architecture} is known in {region}.",
                f"{registry.path} has none.",
                f"nox -s publish_layer -- --name NAME --region {region}, or pass --layer ARN",
            )
        case several:
            raise LayerNotFound(
                f"Several layers with {product.name} {product.version} for {architecture} are in {region}.",
                f"{registry.path} has {', '.join(arn for _, arn in several)}.",
                "Pass one of them as --layer.",
            )
