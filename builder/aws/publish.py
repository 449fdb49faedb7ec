"""Publishes a layer to many regions in parallel, to each at most once.

The zip is reproducible, so its sha256 tells whether a region has it: Lambda keeps the sha256 of each version's code.
"""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from builder.aws.clients import Clients, split_arn, translate_aws_errors
from builder.aws.errors import PartialFailure
from builder.aws.layer_zip import LayerZip
from builder.aws.registry import LayerRegistry
from builder.aws.upload import Package, upload
from builder.errors import BuildError, ManifestMismatch

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import PublishLayerVersionRequestTypeDef

MAX_CONCURRENT_REGIONS = 8
"""While the zip is sent to a region, memory holds about four copies of it."""

STATEMENT_ID = "public"


@dataclass(frozen=True)
class PublishRequest:
    """What to publish in every region."""

    name: str
    layer: LayerZip
    package: Package
    public: bool
    dry_run: bool

    def parameters(self, region: str, content: bytes | None) -> "PublishLayerVersionRequestTypeDef":
        """Lambda's parameters; without ``content``, they name the package's location in S3."""
        parameters = {
            "LayerName": self.name,
            "Description": self.layer.description,
            "LicenseInfo": self.layer.licence,
            "CompatibleRuntimes": list(self.layer.runtimes),
            "CompatibleArchitectures": [self.layer.architecture],
            "Content": self.package.s3_location(region) if content is None else {"ZipFile": content},
        }
        return cast("PublishLayerVersionRequestTypeDef", parameters)


@dataclass(frozen=True)
class Outcome:
    """The result in one region."""

    region: str
    status: str
    arn: str = ""
    """Empty if a dry run would publish here."""


def publish(
    request: PublishRequest,
    regions: list[Clients],
    registry: LayerRegistry,
    report: Callable[[Outcome | BuildError], None],
) -> list[Outcome]:
    """Makes sure that every region has the layer; calls ``report`` with each region's result as it arrives.

    Raises:
        PartialFailure: some regions failed, for any reasons. If all failed with the same error, that is raised instead.
    """
    request.package.check()
    if not request.dry_run:
        registry.check()
    outcomes, failures = {}, {}
    with ThreadPoolExecutor(MAX_CONCURRENT_REGIONS) as pool:
        pending: dict[Future[Outcome], str] = {
            pool.submit(_publish_in, request, clients, registry): clients.region for clients in regions
        }
        try:
            for future in as_completed(pending):
                region = pending[future]
                try:
                    outcomes[region] = future.result()
                    report(outcomes[region])
                except BuildError as error:
                    failures[region] = error
                    report(error)
        except BaseException:  # Ctrl-C: regions in progress finish and are recorded, no others are started
            pool.shutdown(cancel_futures=True)
            raise
    if failures:
        raise _failure(request, failures, bool(outcomes), registry)
    return [outcomes[clients.region] for clients in regions]


def _failure(
    request: PublishRequest, failures: dict[str, BuildError], some_succeeded: bool, registry: LayerRegistry
) -> BuildError:
    errors = list(failures.values())
    if not some_succeeded and len({type(error) for error in errors}) == 1:
        return errors[0]
    return PartialFailure(
        f"Publishing {request.name} failed in {', '.join(sorted(failures))}.",
        "\n       ".join(f"{error.what} {error.why}" for error in errors),
        f"Fix that and run the same command again. What was published is recorded in {registry.path},"
        " and will not be published twice.",
    )


def _publish_in(request: PublishRequest, clients: Clients, registry: LayerRegistry) -> Outcome:
    arn = _find(request, clients)
    status = "already published"
    if not arn:
        if request.dry_run:
            bucket = request.package.s3_location(clients.region)["S3Bucket"]
            through = f" through s3://{bucket}" if request.package.through_s3 else ""
            return Outcome(clients.region, f"would be published{through}")
        arn, status = _publish_version(request, clients), "published"
    if not request.dry_run:
        registry.record(request.name, clients.region, request.layer, arn)
    if request.public and not _is_public(arn, clients):
        status += ", would be made public" if request.dry_run else ", now public"
        if not request.dry_run:
            _make_public(arn, clients)
    return Outcome(clients.region, status, arn)


def _find(request: PublishRequest, clients: Clients) -> str:
    """The ARN of the version with the same code, empty if there is none.

    The list of versions does not include the code's sha256, so each has to be fetched; those with our description
    come first.
    """
    ours = request.layer.description
    with translate_aws_errors("looking for versions", clients.region):
        pages = clients.functions.get_paginator("list_layer_versions").paginate(LayerName=request.name)
        versions = [version for page in pages for version in page["LayerVersions"]]
        for version in sorted(versions, key=lambda version: version.get("Description") != ours):
            found = clients.functions.get_layer_version(LayerName=request.name, VersionNumber=version["Version"])
            if found["Content"]["CodeSha256"] == request.layer.code_sha256:
                return found["LayerVersionArn"]
    return ""


def _publish_version(request: PublishRequest, clients: Clients) -> str:
    content = None
    if request.package.through_s3:
        upload(request.package, clients)
    else:
        content = request.package.path.read_bytes()
    with translate_aws_errors("publishing", clients.region):
        version = clients.functions.publish_layer_version(**request.parameters(clients.region, content))
    sha256 = version["Content"]["CodeSha256"]
    if sha256 != request.layer.code_sha256:
        raise ManifestMismatch(
            f"{clients.region}: {version['LayerVersionArn']} does not have the zip's content.",
            f"Lambda says its sha256 is {sha256}, it should be {request.layer.code_sha256}.",
            "Delete that version and run this again; do not change the zip meanwhile.",
        )
    return version["LayerVersionArn"]


def _is_public(arn: str, clients: Clients) -> bool:
    name, version = split_arn(arn)
    with translate_aws_errors("reading its permissions", clients.region):
        try:
            policy = clients.functions.get_layer_version_policy(LayerName=name, VersionNumber=version)["Policy"]
        except clients.functions.exceptions.ResourceNotFoundException:  # no permission yet
            return False
    statements: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return any(statement["Sid"] == STATEMENT_ID for statement in statements)


def _make_public(arn: str, clients: Clients) -> None:
    name, version = split_arn(arn)
    with translate_aws_errors("making it public", clients.region):
        clients.functions.add_layer_version_permission(
            LayerName=name,
            VersionNumber=version,
            StatementId=STATEMENT_ID,
            Action="lambda:GetLayerVersion",
            Principal="*",
        )
