"""How a package reaches Lambda: inside the request, or through S3 if it is too large for that."""

from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from builder import DISTRIBUTION
from builder.aws.clients import Clients, translate_aws_errors
from builder.aws.errors import LimitExceeded

DIRECT_LIMIT = 52_428_800
"""Maximum bytes of a zip inside a request, 50 MiB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True)
class Package:
    """A zip to upload."""

    path: Path
    sha256: str
    bucket: str = ""
    """S3 bucket for a zip that is too large for a request; it must be in the same region, which ``{region}`` stands
    for in its name."""

    @property
    def through_s3(self) -> bool:
        return self.path.stat().st_size > DIRECT_LIMIT

    @property
    def key(self) -> str:
        """The object's key is derived from its content, so an existing object needs no second upload."""
        return f"{DISTRIBUTION}/{self.sha256}.zip"

    def check(self) -> None:
        """`LimitExceeded` if the zip is too large for a request and there is no bucket."""
        if self.through_s3 and not self.bucket:
            raise LimitExceeded(
                f"{self.path.name} is too large to be sent to Lambda directly.",
                f"It has {self.path.stat().st_size:,} bytes; a request can hold {DIRECT_LIMIT:,}.",
                "Pass --s3-bucket NAME, a bucket in the same region; {region} in NAME is replaced by the region.",
            )

    def s3_location(self, region: str) -> dict[str, str]:
        """Bucket and key, as Lambda's parameters."""
        return {"S3Bucket": self.bucket.replace("{region}", region), "S3Key": self.key}


def upload(package: Package, clients: Clients) -> None:
    """Uploads the zip to the region's bucket unless it is there already."""
    location = package.s3_location(clients.region)
    bucket, key = location["S3Bucket"], location["S3Key"]
    with translate_aws_errors(f"uploading to s3://{bucket}/{key}", clients.region):
        try:
            clients.objects.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in (
                "404",
                "403",
            ):  # 403: permission to write need not include reading
                raise
            extra = {"ChecksumAlgorithm": "SHA256"}
            clients.objects.upload_file(str(package.path), bucket, key, ExtraArgs=extra)
