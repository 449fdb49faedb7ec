"""Publishes a layer to many regions at once, each no more than once.

The zip is reproducible, so its sha256 says whether a region has it: Lambda keeps the sha256 of each version's code.
"""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from builder.aws.clients import Clients, explained, split_arn
from builder.aws.errors import NotEverywhere
from builder.aws.product import Product
from builder.aws.registry import Record
from builder.aws.upload import Package, upload
from builder.errors import BuildError, ManifestMismatch

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import PublishLayerVersionRequestTypeDef

AT_ONCE = 8
"""Regions; each holds the zip in memory about four times while it is sent."""

STATEMENT = "public"


@dataclass(frozen=True)
class Order:
    """What is to be in every region."""

    name: str
    product: Product
    package: Package
    public: bool
    dry_run: bool

    def request(self, region: str, content: bytes | None) -> "PublishLayerVersionRequestTypeDef":
        """What Lambda is asked for; the content goes through S3 if there is none."""
        request = {
            "LayerName": self.name,
            "Description": self.product.description,
            "LicenseInfo": self.product.licence,
            "CompatibleRuntimes": list(self.product.runtimes),
            "CompatibleArchitectures": [self.product.architecture],
            "Content": self.package.place(region) if content is None else {"ZipFile": content},
        }
        return cast("PublishLayerVersionRequestTypeDef", request)


@dataclass(frozen=True)
class Outcome:
    """What became of a region."""

    region: str
    what: str
    arn: str = ""
    """Empty if a dry run would publish here."""


def publish(
    order: Order, places: list[Clients], record: Record, report: Callable[[Outcome | BuildError], None]
) -> list[Outcome]:
    """Sees to it that every region has the layer; ``report`` hears of each as soon as it is known.

    Raises:
        NotEverywhere: some regions failed, for whatever reasons. If all did, for one reason, that is raised instead.
    """
    order.package.check()
    if not order.dry_run:
        record.check()
    outcomes, failures = {}, {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting: dict[Future[Outcome], str] = {
            pool.submit(_publish_in, order, clients, record): clients.region for clients in places
        }
        try:
            for future in as_completed(waiting):
                region = waiting[future]
                try:
                    outcomes[region] = future.result()
                    report(outcomes[region])
                except BuildError as error:
                    failures[region] = error
                    report(error)
        except BaseException:  # Ctrl-C: what is under way comes to its end and is recorded, nothing new begins
            pool.shutdown(cancel_futures=True)
            raise
    if failures:
        raise _failure(order, failures, bool(outcomes), record)
    return [outcomes[clients.region] for clients in places]


def _failure(order: Order, failures: dict[str, BuildError], some: bool, record: Record) -> BuildError:
    errors = list(failures.values())
    if not some and len({type(error) for error in errors}) == 1:
        return errors[0]
    return NotEverywhere(
        f"{order.name} is not where it should be in {', '.join(sorted(failures))}.",
        "\n       ".join(f"{error.what} {error.why}" for error in errors),
        f"Mend that and run the same command again. What was published is recorded in {record.path},"
        " and will not be published twice.",
    )


def _publish_in(order: Order, clients: Clients, record: Record) -> Outcome:
    arn = _find(order, clients)
    what = "is there already"
    if not arn:
        if order.dry_run:
            way = f"through s3://{order.package.place(clients.region)['S3Bucket']}" if order.package.through_s3 else ""
            return Outcome(clients.region, f"would be published {way}".rstrip())
        arn, what = _send(order, clients), "published"
    if not order.dry_run:
        record.note(order.name, clients.region, order.product, arn)
    if order.public and not _is_public(arn, clients):
        what += ", would be made public" if order.dry_run else ", now public"
        if not order.dry_run:
            _make_public(arn, clients)
    return Outcome(clients.region, what, arn)


def _find(order: Order, clients: Clients) -> str:
    """The ARN of the version whose code is ours, empty if there is none.

    The list of versions does not tell their code, so each has to be asked for; first those that say they are ours.
    """
    ours = order.product.description
    with explained("looking for versions", clients.region):
        pages = clients.functions.get_paginator("list_layer_versions").paginate(LayerName=order.name)
        versions = [version for page in pages for version in page["LayerVersions"]]
        for version in sorted(versions, key=lambda version: version.get("Description") != ours):
            found = clients.functions.get_layer_version(LayerName=order.name, VersionNumber=version["Version"])
            if found["Content"]["CodeSha256"] == order.product.code_sha256:
                return found["LayerVersionArn"]
    return ""


def _send(order: Order, clients: Clients) -> str:
    content = None
    if order.package.through_s3:
        upload(order.package, clients)
    else:
        content = order.package.path.read_bytes()
    with explained("publishing", clients.region):
        made = clients.functions.publish_layer_version(**order.request(clients.region, content))
    if made["Content"]["CodeSha256"] != order.product.code_sha256:
        raise ManifestMismatch(
            f"{clients.region}: {made['LayerVersionArn']} is not the zip.",
            f"Lambda says its sha256 is {made['Content']['CodeSha256']}, it should be {order.product.code_sha256}.",
            "Delete that version and run this again; do not change the zip meanwhile.",
        )
    return made["LayerVersionArn"]


def _is_public(arn: str, clients: Clients) -> bool:
    name, version = split_arn(arn)
    with explained("reading the permissions", clients.region):
        try:
            policy = clients.functions.get_layer_version_policy(LayerName=name, VersionNumber=version)["Policy"]
        except clients.functions.exceptions.ResourceNotFoundException:  # no permission yet
            return False
    statements: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return any(statement["Sid"] == STATEMENT for statement in statements)


def _make_public(arn: str, clients: Clients) -> None:
    name, version = split_arn(arn)
    with explained("making it public", clients.region):
        clients.functions.add_layer_version_permission(
            LayerName=name,
            VersionNumber=version,
            StatementId=STATEMENT,
            Action="lambda:GetLayerVersion",
            Principal="*",
        )
