"""AWS, and a command line that talks to it."""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from builder.aws.__main__ import main
from tests.aws.fake_aws import Cloud
from tests.moto import moto_server


@pytest.fixture(scope="session")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with moto_server(tmp_path_factory.mktemp("moto")) as url, Cloud(url) as cloud:
        yield cloud


@pytest.fixture
def cloud(running_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An empty AWS, and credentials that it takes."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    running_cloud.reset()
    return running_cloud


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Workplace:
    """A folder with a layer in it, and commands that know where AWS is."""

    folder: Path
    cloud: Cloud
    capture: pytest.CaptureFixture[str]

    @property
    def record(self) -> Path:
        return self.folder / "dist" / "layers.json"

    def layers(self) -> Any:
        return json.loads(self.record.read_text(encoding="utf-8"))["layers"]

    def run(self, *arguments: str) -> Said:
        self.capture.readouterr()
        command, *rest = arguments
        code = main([command, f"--endpoint-url={self.cloud.url}", f"--record={self.record}", *rest])
        return Said(code, *self.capture.readouterr())

    def publish(self, regions: str, *arguments: str, zip_file: Path | None = None) -> Said:
        """Publishes a zip, a small one if no other is given, under the name ``python313``."""
        path = zip_file or a_layer(self.folder / "dist")
        return self.run("publish-layer", "--name=python313", f"--zip={path}", f"--region={regions}", *arguments)

    def client(self, service: Any, region: str) -> Any:
        return boto3.client(service, region, endpoint_url=self.cloud.url)


@pytest.fixture
def workplace(tmp_path: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, cloud, capsys)


def a_layer(folder: Path, content: bytes = b"#!/opt/bin/python3.13\n", **changes: Any) -> Path:
    """A zip of one file, not compressed, and as much of a manifest as publishing reads."""
    folder.mkdir(exist_ok=True)
    path = folder / "cpython-3.13.15-x86_64.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bootstrap"), content)
    manifest: dict[str, Any] = {
        "target": {
            "python": "3.13.15",
            "architecture": "x86_64",
            "compatible_runtimes": ["provided.al2023", "provided.al2"],
        },
        "zip": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "unzipped_size": len(content)},
        "sources": [{"licence": "Python-2.0.1"}, {"licence": "MIT OR Apache-2.0"}, {"licence": "Python-2.0.1"}],
        "packages": [{"licence": "MIT OR Apache-2.0"}, {"licence": ""}],
    }
    for key, value in changes.items():
        part, _, name = key.partition("__")
        manifest[part][name] = value
    path.with_suffix(".manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return path
