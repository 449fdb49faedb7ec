"""A fake AWS, and a command line that talks to it."""

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
from tests.aws.fake_aws import FakeAws
from tests.moto import moto_server
from tools.support.product import PRODUCT


@pytest.fixture(scope="session")
def running_fake_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeAws]:
    with moto_server(tmp_path_factory.mktemp("moto")) as url, FakeAws(url) as fake_aws:
        yield fake_aws


@pytest.fixture
def fake_aws(running_fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """An empty AWS account, and credentials for it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    running_fake_aws.reset()
    return running_fake_aws


@dataclass(frozen=True)
class CommandResult:
    """A command's exit code and output."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Workspace:
    """A folder with a layer in it, and commands that talk to the fake AWS."""

    folder: Path
    aws: FakeAws
    capture: pytest.CaptureFixture[str]

    @property
    def registry(self) -> Path:
        return self.folder / "dist" / "layers.json"

    def layers(self) -> Any:
        return json.loads(self.registry.read_text(encoding="utf-8"))["layers"]

    def run(self, *arguments: str) -> CommandResult:
        self.capture.readouterr()
        command, *rest = arguments
        code = main([command, f"--endpoint-url={self.aws.url}", f"--record={self.registry}", *rest])
        return CommandResult(code, *self.capture.readouterr())

    def publish(self, regions: str, *arguments: str, zip_file: Path | None = None) -> CommandResult:
        """Publishes a zip, by default a small one, under the name ``python313``."""
        path = zip_file or make_layer(self.folder / "dist")
        return self.run("publish-layer", "--name=python313", f"--zip={path}", f"--region={regions}", *arguments)

    def client(self, service: Any, region: str) -> Any:
        return boto3.client(service, region, endpoint_url=self.aws.url)


@pytest.fixture
def workspace(tmp_path: Path, fake_aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> Workspace:
    return Workspace(tmp_path, fake_aws, capsys)


def make_layer(folder: Path, content: bytes = b"#!/opt/bin/python3\n", **changes: Any) -> Path:
    """Makes a zip of one uncompressed file, and as much of a manifest as publishing reads."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{PRODUCT.stem('x86_64')}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bootstrap"), content)
    manifest: dict[str, Any] = {
        "product": {"name": PRODUCT.name, "version": PRODUCT.version},
        "platform": {"architecture": "x86_64", "compatible_runtimes": ["provided.al2023", "provided.al2"]},
        "artifacts": [
            {"kind": "zip", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "unzipped_size": len(content)}
        ],
        "sources": [{"licence": "Python-2.0.1"}, {"licence": "MIT OR Apache-2.0"}, {"licence": "Python-2.0.1"}],
        "packages": [{"licence": "MIT OR Apache-2.0"}, {"licence": ""}],
    }
    for key, value in changes.items():
        part, _, name = key.partition("__")
        (manifest["artifacts"][0] if part == "zip" else manifest[part])[name] = value
    path.with_suffix(".manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return path
