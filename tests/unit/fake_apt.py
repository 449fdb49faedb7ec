"""A Debian mirror to order, in a folder, signed, which the machine's own apt takes for its only one."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from builder.fetch import debian

MISSING = [program for program in ("apt-get", "gpg") if shutil.which(program) is None]


@dataclass
class Mirror:
    """Source packages of both suites."""

    folder: Path
    keys: Path
    paragraphs: list[str] = field(default_factory=list)

    def add(self, package: str, version: str, archive: str, content: bytes, said: bytes | None = None) -> str:
        """A source package with one archive, and its sha256; its .dsc speaks of the one that ``said`` would be."""
        pool = Path("pool", package, version.replace(":", "%3a"))
        (self.folder / pool).mkdir(parents=True)
        (self.folder / pool / archive).write_bytes(content)
        head = f"Format: 3.0 (quilt)\nSource: {package}\nVersion: {version}\n"
        dsc = f"{head}Checksums-Sha256:\n{_line(archive, content if said is None else said)}".encode()
        name = f"{package}_{version.partition(':')[2] or version}.dsc"
        (self.folder / pool / name).write_bytes(dsc)
        files = _line(name, dsc) + _line(archive, content)
        head = f"Package: {package}\nFormat: 3.0 (quilt)\nVersion: {version}\n"
        self.paragraphs.append(f"{head}Directory: {pool}\nChecksums-Sha256:\n{files}")
        self.publish()
        return hashlib.sha256(content).hexdigest()

    def publish(self) -> None:
        """Writes the indices: one of packages, without which apt does not count a mirror, and that of the sources."""
        package = b"Package: thing\nVersion: 1\nArchitecture: amd64\nFilename: thing.deb\nSize: 1\n"
        indices = {"main/binary-amd64/Packages": package, "main/source/Sources": "\n".join(self.paragraphs).encode()}
        for suite in debian.SUITES:
            release = self.folder / "dists" / suite
            for name, content in indices.items():
                (release / name).parent.mkdir(parents=True, exist_ok=True)
                (release / name).write_bytes(content)
            text = f"Origin: Debian\nSuite: {suite}\nCodename: {suite}\nComponents: main\nArchitectures: amd64\n"
            text += "Date: Mon, 01 Jun 2026 00:00:00 UTC\nSHA256:\n"
            text += "".join(_line(name, content) for name, content in indices.items())
            (release / "Release").write_text(text, encoding="utf-8")
            gpg(self.keys, "--yes", f"--output={release / 'InRelease'}", "--clearsign", str(release / "Release"))


def _line(name: str, content: bytes) -> str:
    return f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n"


def a_tar(time: int, content: bytes) -> bytes:
    """An archive with one file of a time."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:xz") as tar:
        info = tarfile.TarInfo("thing/file")
        info.mtime, info.size = time, len(content)
        tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def gpg(keys: Path, *arguments: str) -> None:
    command = (
        "gpg",
        f"--homedir={keys}",
        "--batch",
        "--quiet",
        "--passphrase=",
        "--pinentry-mode=loopback",
        *arguments,
    )
    subprocess.run(command, capture_output=True, check=True)


@contextmanager
def open_mirror(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """An empty one, and no other way for apt."""
    with tempfile.TemporaryDirectory(prefix="gpg-") as keys:  # not in `folder`: a socket's path has 108 bytes at most
        gpg(Path(keys), "--quick-generate-key", "mirror", "ed25519", "sign", "never")
        keyring = folder / "keyring.gpg"
        gpg(Path(keys), f"--output={keyring}", "--export")
        sources, config, lists = folder / "sources.list", folder / "apt.conf", folder / "lists"
        sources.write_text(f"deb [arch=amd64 signed-by={keyring}] file:{folder}/debian stable main\n", encoding="utf-8")
        settings = {"Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": os.devnull, "Dir::State::lists": lists}
        settings |= {"APT::Sandbox::User": "", "Dir::Cache": folder / "cache"}
        config.write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()), encoding="utf-8")
        monkeypatch.setenv("APT_CONFIG", str(config))
        monkeypatch.setattr(debian, "KEYRING", keyring)
        mirror = Mirror(folder / "debian", Path(keys))
        mirror.publish()
        (lists / "partial").mkdir(parents=True)
        subprocess.run(("apt-get", "-q", "update"), stdout=subprocess.DEVNULL, check=True)  # as on any machine, once
        yield mirror
        subprocess.run(("gpgconf", f"--homedir={keys}", "--kill", "all"), check=True)
