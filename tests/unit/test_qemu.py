"""tools.support.qemu: what is missing is named, with its package."""

from pathlib import Path

import pytest

from builder.errors import MissingTool
from tools.support.qemu import under_qemu


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder on PATH, and nothing in it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_qemu_its_package_is_named(programs: Path) -> None:
    with pytest.raises(MissingTool, match=r"qemu-aarch64-static .*\n.*apt-get install qemu-user-static"):
        under_qemu("aarch64", programs / "cache")


def test_without_mmdebstrap_its_package_is_named(programs: Path) -> None:
    (programs / "qemu-aarch64-static").touch(0o755)
    with pytest.raises(MissingTool, match="apt-get install mmdebstrap"):
        under_qemu("aarch64", programs / "cache")


def test_a_debian_that_is_there_is_taken(programs: Path) -> None:
    (programs / "qemu-aarch64-static").touch(0o755)
    root = programs / "cache" / "roots" / "trixie-aarch64"
    root.mkdir(parents=True)
    qemu = str(programs / "qemu-aarch64-static")
    assert under_qemu("aarch64", programs / "cache") == ("env", f"QEMU_LD_PREFIX={root}", qemu)
