"""Clients of AWS's services, and its refusals in words that say what to do."""

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
from builder.aws.errors import Denied, NoCredentials, NoLayer, Refused, Throttled, UnknownRegion, Unreachable
from builder.errors import BuildError

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client

_BAD_CREDENTIALS = {
    *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"),
    *("InvalidSignatureException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "MissingAuthenticationToken"),
}
_DENIALS = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AllAccessDisabled", "403"}
_THROTTLES = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
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
    """One region's services; safe to hand to a thread, unlike the session that they come from."""

    region: str
    functions: "LambdaClient"
    objects: "S3Client"


def open_clients(regions: list[str], endpoint_url: str | None) -> list[Clients]:
    """Clients for each region, in order; nothing is sent yet.

    Raises:
        UnknownRegion: one of the regions does not exist.
        NoCredentials: there are none at all.
        Unreachable: the endpoint is none, or AWS's settings cannot be read.
    """
    with explained("finding credentials", "this machine"):
        session = boto3.Session()
        if session.get_credentials() is None:
            raise exceptions.NoCredentialsError
        for region in regions:
            _check_region(session, region)
        try:
            return [_clients(session, region, endpoint_url) for region in regions]
        except ValueError as error:  # what boto3 makes of settings that it cannot read
            do = "Correct --endpoint-url (http://host:port), or AWS's own variables and files."
            raise Unreachable("There is no way to AWS.", f"{error}.", do) from error


def _clients(session: boto3.Session, region: str, endpoint_url: str | None) -> Clients:
    config = _config()
    return Clients(
        region,
        session.client("lambda", region, endpoint_url=endpoint_url, config=config),
        session.client("s3", region, endpoint_url=endpoint_url, config=config),
    )


def _config() -> Config:
    # boto3 by itself gives up after three; a dozen regions at once want more.
    retries: Any = {"mode": "standard"}
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        retries["total_max_attempts"] = 8
    return Config(
        retries=retries,
        # An answer comes when Lambda has unpacked the zip. Giving up earlier would send it again, for a second version.
        read_timeout=300,
        user_agent_extra=DISTRIBUTION,
    )


def default_region() -> str | None:
    """The region that AWS's own variables and files name."""
    with explained("finding a region", "this machine"):
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
            f"Nearest are: {', '.join(near)}." if near else f"Known are: {', '.join(known)}.",
            "Pass one of these as --region; if the region is new: nox -s lock -- --upgrade-package botocore",
        )


def split_arn(arn: str) -> tuple[str, int]:
    """The layer, as operations take it for a name, and the version's number, of a layer version's ARN."""
    layer, _, version = arn.rpartition(":")
    if not (layer.startswith("arn:") and version.isdecimal()):
        raise NoLayer(f"{arn!r} names no layer.", "It is not the ARN of a version.", "Pass arn:…:layer:NAME:VERSION")
    return layer, int(version)


@contextmanager
def explained(doing: str, where: str) -> Iterator[None]:
    """Turns what boto3 raises into errors that say what to do."""
    try:
        yield
    except _NO_CREDENTIALS as error:
        raise _no_credentials(doing, where, str(error)) from error
    except exceptions.ClientError as error:
        raise _explain(error, doing, where) from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise Unreachable(
            f"{where}: {doing} got no answer.",
            f"{error}".rstrip("."),
            "Check the network and --endpoint-url; try again.",
        ) from error
    except (exceptions.BotoCoreError, boto3.exceptions.Boto3Error) as error:
        raise Refused(f"{where}: {doing} did not work.", f"{error}", "Correct what it names.") from error


def _explain(error: exceptions.ClientError, doing: str, where: str) -> BuildError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    why = f"{code}: {message or 'without a reason'}"
    if code in _BAD_CREDENTIALS:
        return _no_credentials(doing, where, why)
    if code in _DENIALS:
        return Denied(
            f"{where}: {doing} is not allowed.", why, f"Let a policy of this identity allow {error.operation_name}."
        )
    if code in _THROTTLES:
        return Throttled(
            f"{where}: {doing} was put off again and again.", why, "Run it again later, or with fewer regions."
        )
    return Refused(f"{where}: {doing} was refused.", why, "Correct what it names, and run it again.")


def _no_credentials(doing: str, where: str, why: str) -> NoCredentials:
    return NoCredentials(
        f"{where}: {doing} needs valid AWS credentials.",
        why,
        "Log in (aws sso login, aws configure), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its companions.",
    )
