"""Wheels to order, in a folder that pip takes for its only source."""

import base64
import hashlib
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Index:
    """A folder of wheels."""

    folder: Path
    locked: dict[str, list[str]] = field(default_factory=dict)
    """``name==version`` → sha256 of its files."""

    def add(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        version: str = "1.0",
        tag: str = "py3-none-any",
        metadata: str = "License-Expression: MIT\n",
    ) -> Path:
        """A wheel; ``files`` are those besides METADATA, WHEEL and RECORD."""
        info, path = f"{name}-{version}.dist-info", self.folder / f"{name}-{version}-{tag}.whl"
        head = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n"
        contents = {
            **files,
            f"{info}/METADATA": (head + metadata).encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        }
        rows = [f"{place},sha256={_digest(content)},{len(content)}" for place, content in contents.items()]
        with zipfile.ZipFile(path, "w") as wheel:
            for place, content in contents.items():
                wheel.writestr(place, content)
            wheel.writestr(f"{info}/RECORD", "\n".join((*rows, f"{info}/RECORD,,\n")))
        return self.lock(name, path, version)

    def lock(self, name: str, path: Path, version: str = "1.0") -> Path:
        """Adds a file's hash to a package's."""
        self.locked.setdefault(f"{name}=={version}", []).append(hashlib.sha256(path.read_bytes()).hexdigest())
        return path

    def requirements(self) -> Path:
        """The lock file of everything here."""
        path = self.folder / "requirements.txt"
        lines = (" ".join((name, *(f"--hash=sha256:{sha}" for sha in found))) for name, found in self.locked.items())
        path.write_text("\n".join(lines), encoding="utf-8")
        return path


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def open_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """An empty one, and no other way for pip."""
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "CONFIG_FILE": os.devnull,
        "NO_INDEX": "1",
        "FIND_LINKS": str(folder),
        "NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return Index(folder)
