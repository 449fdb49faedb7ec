"""Clients for AWS services; translates their errors into actionable messages."""

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions
from botocore.config import Config

from builder import DISTRIBUTION
from builder.aws.errors import (
    AccessDenied,
    LayerNotFound,
    NoCredentials,
    Refused,
    Throttled,
    UnknownRegion,
    Unreachable,
)
from builder.errors import BuildError

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client

_BAD_CREDENTIALS = {
    *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"),
    *("InvalidSignatureException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "MissingAuthenticationToken"),
}
_ACCESS_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AllAccessDisabled", "403"}
_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
)


@dataclass(frozen=True)
class Clients:
    """One region's clients; thread-safe, unlike the session that they come from."""

    region: str
    functions: "LambdaClient"
    objects: "S3Client"


def open_clients(regions: list[str], endpoint_url: str | None) -> list[Clients]:
    """Clients for each region, in order; sends no request yet.

    Raises:
        UnknownRegion: one of the regions does not exist.
        NoCredentials: no credentials are configured.
        Unreachable: the endpoint is not a URL, or AWS's configuration cannot be read.
    """
    with translate_aws_errors("finding credentials", "this machine"):
        session = boto3.Session()
        if session.get_credentials() is None:
            raise exceptions.NoCredentialsError
        for region in regions:
            _check_region(session, region)
        try:
            return [_clients(session, region, endpoint_url) for region in regions]
        except ValueError as error:  # what boto3 raises for configuration that it cannot read
            do = "Correct --endpoint-url (http://host:port), or AWS's own variables and files."
            raise Unreachable("AWS's endpoint cannot be determined.", f"{error}.", do) from error


def _clients(session: boto3.Session, region: str, endpoint_url: str | None) -> Clients:
    config = _config()
    return Clients(
        region,
        session.client("lambda", region, endpoint_url=endpoint_url, config=config),
        session.client("s3", region, endpoint_url=endpoint_url, config=config),
    )


def _config() -> Config:
    # boto3's default of three attempts is too few for a dozen regions at once.
    retries: Any = {"mode": "standard"}
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        retries["total_max_attempts"] = 8
    return Config(
        retries=retries,
        # Lambda responds once it has unpacked the zip. A shorter timeout would retry, and publish a second version.
        read_timeout=300,
        user_agent_extra=DISTRIBUTION,
    )


def default_region() -> str | None:
    """The region set by AWS's own variables and files."""
    with translate_aws_errors("finding a region", "this machine"):
        return boto3.Session().region_name


def _check_region(session: boto3.Session, region: str) -> None:
    known = sorted(
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("lambda", partition)
    )
    if region not in known:
        near = difflib.get_close_matches(region, known)
        raise UnknownRegion(
            f"There is no region {region!r}.",
            f"Closest matches: {', '.join(near)}." if near else f"Known regions: {', '.join(known)}.",
            "Pass one of these as --region; if the region is new: nox -s lock -- --upgrade-package botocore",
        )


def split_arn(arn: str) -> tuple[str, int]:
    """Splits a layer version's ARN into the layer's ARN, which operations accept as its name, and the version."""
    layer, _, version = arn.rpartition(":")
    if not (layer.startswith("arn:") and version.isdecimal()):
        why = "It is not the ARN of a version."
        raise LayerNotFound(f"{arn!r} names no layer.", why, "Pass arn:…:layer:NAME:VERSION")
    return layer, int(version)


@contextmanager
def translate_aws_errors(action: str, where: str) -> Iterator[None]:
    """Translates boto3's exceptions into errors that say what to do."""
    try:
        yield
    except _NO_CREDENTIALS as error:
        raise _no_credentials(action, where, str(error)) from error
    except exceptions.ClientError as error:
        raise _translate(error, action, where) from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise Unreachable(
            f"{where}: {action} got no response.",
            f"{error}".rstrip("."),
            "Check the network and --endpoint-url; try again.",
        ) from error
    except (exceptions.BotoCoreError, boto3.exceptions.Boto3Error) as error:
        raise Refused(f"{where}: {action} failed.", f"{error}", "Correct what it names.") from error


def _translate(error: exceptions.ClientError, action: str, where: str) -> BuildError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    why = f"{code}: {message or 'no reason given'}"
    if code in _BAD_CREDENTIALS:
        return _no_credentials(action, where, why)
    if code in _ACCESS_DENIED:
        return AccessDenied(
            f"{where}: {action} is not allowed.", why, f"Let a policy of this identity allow {error.operation_name}."
        )
    if code in _THROTTLED:
        return Throttled(
            f"{where}: {action} was throttled repeatedly.", why, "Run it again later, or with fewer regions."
        )
    return Refused(f"{where}: {action} was rejected.", why, "Correct what it names, and run it again.")


def _no_credentials(action: str, where: str, why: str) -> NoCredentials:
    return NoCredentials(
        f"{where}: {action} needs valid AWS credentials.",
        why,
        "Log in (aws sso login, aws configure), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its companions.",
    )
