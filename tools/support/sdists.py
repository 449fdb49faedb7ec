"""Sdists of locked packages, unpacked, by the pip of this process, without running any of their code.

pip prepares the metadata of an sdist before it keeps the file, and for that calls the sdist's build backend. Here it
finds a module of ours under the name of each backend, which gives the metadata that the sdist has in its PKG-INFO.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

from builder.errors import FetchFailed
from builder.interpreters.cpython.packages.requirements import read_requirements
from builder.interpreters.cpython.target import Target
from builder.plan.steps import LockedPackage
from builder.unpack import unpack
from tools.support.product import TARGET
from tools.support.wheels import lock_file

BACKENDS = ("setuptools.build_meta", "maturin")
"""Those of the sdists that are asked for; another one would be called itself, if it is installed."""

_BACKEND = """\
import email
import shutil
import sys
from pathlib import Path

__legacy__ = sys.modules[__name__]  # setuptools' for an sdist that names no backend


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    fields = email.message_from_bytes(Path("PKG-INFO").read_bytes())
    info = Path(folder, "{Name}-{Version}.dist-info".format_map(fields))
    info.mkdir()
    shutil.copyfile("PKG-INFO", info / "METADATA")
    return info.name
"""


def unpacked_sdist(package: LockedPackage, cache: Path) -> Path:
    """The sdist's files in a folder of the cache folder, which is the sdist's own: name, version and hashes name it.

    Raises:
        FetchFailed: pip cannot get it, or it is not one of the locked files.
        UnsafeArchive: it is damaged.
    """
    digest = hashlib.sha256(str(package).encode()).hexdigest()[:16]
    folder = cache / "sdists" / f"{package.name}-{package.version}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(prefix="sdist-") as downloads:
                unpack(_download(package, Path(downloads)), folder)
    return folder


def locked_packages(requirements: str, target: Target = TARGET) -> dict[str, LockedPackage]:
    """Name → what ``requirements/<series>/<requirements>.txt`` locks of it."""
    packages = read_requirements(lock_file(requirements, target.series), target).packages
    return {package.name: package for package in packages}


def _download(package: LockedPackage, folder: Path) -> Path:
    backends, sdist, requirement = folder / "backends", folder / "sdist", folder / "requirement.txt"
    for name in BACKENDS:
        path = backends.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name("__init__.py").touch()  # else an installed package of this name goes before it
        path.write_text(_BACKEND, encoding="utf-8")
    requirement.write_text(f"{package}\n", encoding="utf-8")
    command = (
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-binary=:all:"),
        *("--no-build-isolation", "--ignore-requires-python", "--disable-pip-version-check", "--no-input", "--quiet"),
        *(f"--dest={sdist}", f"--requirement={requirement}"),
    )
    environment = {**os.environ, "PYTHONPATH": str(backends)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = list(sdist.iterdir()) if sdist.exists() else []
    if done.returncode or len(found) != 1:
        errors = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR")]
        why = "\n       ".join(errors[-3:]) or done.stderr.strip()[-300:] or "pip gave no reason."
        do = "Let pip reach an index that has it (`pip config list`); if its files changed, find out why."
        raise FetchFailed(f"The sdist of {package.name} {package.version} cannot be had.", why, do)
    return found[0]
