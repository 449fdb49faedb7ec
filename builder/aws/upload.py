"""The way of a package's bytes to Lambda: inside the request, or through S3 if they are too many for that."""

from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from builder import DISTRIBUTION
from builder.aws.clients import Clients, explained
from builder.aws.errors import OverTheLimit

DIRECT_LIMIT = 52_428_800
"""Bytes of a zip inside a request, 50 MiB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True)
class Package:
    """A zip on its way."""

    path: Path
    sha256: str
    bucket: str = ""
    """S3 bucket, for what is too large; ``{region}`` in it stands for the region, whose bucket it has to be."""

    @property
    def through_s3(self) -> bool:
        return self.path.stat().st_size > DIRECT_LIMIT

    @property
    def key(self) -> str:
        """Named by its content: what is there already needs no second upload."""
        return f"{DISTRIBUTION}/{self.sha256}.zip"

    def check(self) -> None:
        """`OverTheLimit` if no way is open."""
        if self.through_s3 and not self.bucket:
            raise OverTheLimit(
                f"{self.path.name} is too large to be sent to Lambda directly.",
                f"It has {self.path.stat().st_size:,} bytes, and a request takes {DIRECT_LIMIT:,}.",
                "Pass --s3-bucket NAME, a bucket in the same region; {region} in the name is replaced by its name.",
            )

    def place(self, region: str) -> dict[str, str]:
        """Where in S3 Lambda finds it."""
        return {"S3Bucket": self.bucket.replace("{region}", region), "S3Key": self.key}


def upload(package: Package, clients: Clients) -> None:
    """Puts the zip into the region's bucket, unless it is there."""
    place = package.place(clients.region)
    bucket, key = place["S3Bucket"], place["S3Key"]
    with explained(f"uploading to s3://{bucket}/{key}", clients.region):
        try:
            clients.objects.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "403"):  # 403: who may write may not be allowed to look
                raise
            extra = {"ChecksumAlgorithm": "SHA256"}
            clients.objects.upload_file(str(package.path), bucket, key, ExtraArgs=extra)
