"""Small container images, written by Python's own tarfile, gzip and json: nothing of what is tested makes them."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

OCI = "application/vnd.oci.image"
LOADERS = {"amd64": "usr/lib64/ld-linux-x86-64.so.2", "arm64": "usr/lib/ld-linux-aarch64.so.1"}


def tar_of(files: Mapping[str, bytes]) -> bytes:
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(f"./{name}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return file.getvalue()


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Layout:
    """A layout in a folder, image by image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")

    def blob(self, media_type: str, content: bytes, **more: Any) -> dict[str, Any]:
        (self.folder / "blobs" / digest(content).replace(":", "/")).write_bytes(content)
        return {"mediaType": media_type, "digest": digest(content), "size": len(content), **more}

    def image(self, *layers: Mapping[str, bytes], arch: str = "amd64", config: Mapping[str, Any] | None = None) -> Any:
        """Adds one; its descriptor."""
        archives = [tar_of(files) for files in layers]
        value = {
            "architecture": arch,
            "os": "linux",
            "config": dict(config or {}),
            "rootfs": {"type": "layers", "diff_ids": [digest(archive) for archive in archives]},
        }
        manifest = {
            "schemaVersion": 2,
            "config": self.blob(f"{OCI}.config.v1+json", json.dumps(value).encode()),
            "layers": [self.blob(f"{OCI}.layer.v1.tar+gzip", gzip.compress(archive, mtime=0)) for archive in archives],
        }
        platform = {"architecture": arch, "os": "linux"}
        return self.blob(f"{OCI}.manifest.v1+json", json.dumps(manifest).encode(), platform=platform)

    def index(self, *descriptors: Any) -> Path:
        """Writes the index; the layout."""
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": descriptors}))
        return self.folder


def base(folder: Path, *archs: str, nested: bool = False, **options: Any) -> Path:
    """A layout with a base for each architecture (OCI's names): glibc's loader, and nothing else.

    ``nested``: they are in an index of their own, as in a registry.
    """
    layout = Layout(folder)
    images = [layout.image({LOADERS[arch]: b"loader"}, arch=arch, **options) for arch in archs]
    if nested:
        inner = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": images}
        images = [layout.blob(f"{OCI}.index.v1+json", json.dumps(inner).encode())]
    return layout.index(*images)


def archived(layout: Path, path: Path, mode: Literal["w", "w:gz"] = "w") -> Path:
    """The same in an archive."""
    with tarfile.open(path, mode) as tar:
        for name in ("oci-layout", "index.json", "blobs"):
            tar.add(layout / name, name)
    return path


def docker_archive(path: Path, *layers: Mapping[str, bytes], arch: str = "amd64", **changes: Any) -> Path:
    """In the format that Docker's ``save`` had before 25, and Podman's has."""
    archives = [tar_of(files) for files in layers]
    config = json.dumps(
        {
            "architecture": arch,
            "os": "linux",
            "config": {"Env": ["A=b"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(archive) for archive in archives]},
            **changes,
        }
    ).encode()
    names = [f"{number}/layer.tar" for number in range(len(archives))]
    entry = {"Config": f"{digest(config)[7:]}.json", "RepoTags": ["small:latest"], "Layers": names}
    files: dict[str, bytes] = {str(entry["Config"]): config, "manifest.json": json.dumps([entry]).encode()}
    with tarfile.open(path, "w") as tar:
        for name, content in {**files, **dict[str, bytes](zip(names, archives, strict=True))}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path
