"""A function on the layer: created, or brought to what is asked for; what is so already is left alone."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError

from builder.aws.calls import Bytes, Call
from builder.aws.clients import Clients, explained, split_arn
from builder.aws.errors import NoLayer, NotReady
from builder.aws.registry import Record
from builder.aws.upload import Package, upload

ROLE_TRIES = 10
ROLE_PAUSE = 3
"""Seconds between the tries. IAM needs some until Lambda may use a role that was just made."""


@dataclass(frozen=True)
class Function:
    """What is asked for. What is None stays as it is, or is Lambda's default in a new function."""

    name: str
    handler: str
    role: str
    runtime: str
    architecture: str
    layers: tuple[str, ...]
    """ARNs of versions."""
    memory: int | None
    """MB"""
    timeout: int | None
    """Seconds."""
    environment: Mapping[str, str] | None
    package: Package

    def configuration(self) -> dict[str, Any]:
        """Lambda's parameters, all but the code and the architecture, which belongs to the code."""
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
        return self.package.place(region) if self.package.through_s3 else {"ZipFile": Bytes(self.package.path)}


def make_calls(function: Function, found: Mapping[str, Any] | None, region: str) -> tuple[Call, ...]:
    """What leads from what Lambda has (None: no such function) to what is asked for. Pure."""
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


def find(name: str, clients: Clients) -> dict[str, Any] | None:
    """What Lambda has, when it has come to rest."""
    with explained("looking for the function", clients.region):
        try:
            found = dict(clients.functions.get_function_configuration(FunctionName=name))
        except clients.functions.exceptions.ResourceNotFoundException:
            return None
    for field, underway, waiter in (
        ("State", "Pending", "FunctionActiveV2"),
        ("LastUpdateStatus", "InProgress", "FunctionUpdatedV2"),
    ):
        if found.get(field) == underway:
            _wait(name, waiter, clients)
            return find(name, clients)
    return found


def carry_out(calls: tuple[Call, ...], function: Function, clients: Clients) -> None:
    """Makes the requests, one after the other, and waits for the effect of each."""
    if function.package.through_s3 and any(call.operation != "UpdateFunctionConfiguration" for call in calls):
        upload(function.package, clients)
    for call in calls:
        with explained(call.operation, clients.region):
            _request(call, clients)
        _wait(function.name, call.waiter, clients)


def _request(call: Call, clients: Clients) -> None:
    for left in reversed(range(ROLE_TRIES)):
        try:
            getattr(clients.functions, xform_name(call.operation))(**call.parameters())
        except ClientError as error:
            if "cannot be assumed" not in error.response["Error"].get("Message", "") or not left:
                raise
            time.sleep(ROLE_PAUSE)
        else:
            return


def _wait(name: str, waiter: str, clients: Clients) -> None:
    with explained("waiting for the function", clients.region):
        try:
            clients.functions.get_waiter(xform_name(waiter)).wait(FunctionName=name)  # type: ignore[call-overload]
        except WaiterError as error:
            state: dict[str, str] = cast("Any", error.last_response).get("Configuration", {})
            reason = state.get("StateReason") or state.get("LastUpdateStatusReason") or "Lambda gives no reason."
            raise NotReady(
                f"{clients.region}: {name} did not become ready.", str(reason), "Mend that, and run it again."
            ) from error


def check_layers(layers: tuple[str, ...], architecture: str, clients: Clients) -> None:
    """`NoLayer` unless all are there, and for this architecture."""
    for arn in layers:
        with explained(f"looking at {arn}", clients.region):
            name, version = split_arn(arn)
            found = clients.functions.get_layer_version(LayerName=name, VersionNumber=version)
        possible: list[str] = list(found.get("CompatibleArchitectures", ())) or [architecture]
        if architecture not in possible:
            raise NoLayer(
                f"{arn} is not for {architecture}.",
                f"It is for {', '.join(possible)}.",
                f"Pass --arch {possible[0]}, or another --layer.",
            )


def recorded_layer(record: Record, region: str, architecture: str, python: str) -> str:
    """The ARN of the layer that was published to a region; `NoLayer` if there is not exactly one."""
    match list(record.arns(region, architecture, python).items()):
        case [(_, arn)]:
            return arn
        case []:
            raise NoLayer(
                f"No layer with CPython {python} for {architecture} is known in {region}.",
                f"{record.path} records none.",
                f"nox -s publish_layer -- --name NAME --region {region}, or pass --layer ARN",
            )
        case several:
            raise NoLayer(
                f"Several layers with CPython {python} for {architecture} are in {region}.",
                f"{record.path} has {', '.join(arn for _, arn in several)}.",
                "Pass one of them as --layer.",
            )
