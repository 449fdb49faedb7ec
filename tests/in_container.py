"""``python -m tests.in_container --image NAME``: runs the tests of the layer and of the loop in a container.

The container is like Lambda's: the layer is at /opt of the image's unmodified system, everything but /tmp is read-only,
the user is Lambda's, memory is limited and there is no network. pytest itself runs on the layer's interpreter. One
authority, whose key the tests have, is added to the image's own certificate bundle.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import trustme

from builder import ARCH_VARIABLE, PRODUCT_VARIABLE
from builder.console import Terminal
from builder.context import cache_folder, report_errors
from builder.emulator.call import ENVIRONMENT, unzip
from builder.emulator.places import SCRATCH
from builder.errors import BuildError
from builder.executors.containers import Container, ResourceLimits, temporary_image
from builder.executors.engine import Engine, connect
from builder.executors.images import Images
from builder.executors.tar_archive import TarArchive
from builder.layers import Request, build_layers
from tests.layer.emulator import TASK_IN_CONTAINER, emulator_for
from tools.support.product import CONTAINER_FILES_VARIABLE, NAME, PLATFORM, PRODUCT, ROOT, Layer
from tools.support.wheels import cached_wheels, install_wheels

MEMORY = 2 << 30
"""Bytes for a function, its emulator and pytest. A quarter would do without qemu's translation cache."""

TEST_FILES, CHECKOUT = "test-files", "test-files/checkout"
CHECKED_OUT = ("builder", "docker", "docs", "products", "requirements", "runtime", "tests", "tools", "pyproject.toml")
TESTS = ("tests/image", "tests/layer", "tests/runtime")

BUNDLES = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt")
"""The paths of Amazon Linux and of Debian."""


def main(arguments: Sequence[str] | None = None) -> int:
    options, further = make_parser().parse_known_args(arguments)
    return report_errors(lambda terminal: run_tests(options.image, options.rootfs, further, terminal))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.in_container", description=__doc__)
    parser.add_argument("--image", required=True, metavar="NAME", help="from docker/images.toml or the engine")
    parser.add_argument("--rootfs", type=_file, metavar="FILE", help="archive of the image's root file system")
    return parser


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def run_tests(name: str, rootfs: Path | None, arguments: Sequence[str], terminal: Terminal) -> None:
    """Raises `BuildError` if a test fails; ``arguments`` are passed to pytest."""
    cache = cache_folder()
    with connect() as engine, tempfile.TemporaryDirectory(prefix="in-container-") as folder:
        engine.sweep()
        image = Images(engine, cache, terminal, rootfs, machine=PLATFORM.cpu.machine).root(name)
        build_layers(Request((PRODUCT.name,), (PLATFORM.cpu.lambda_name,)), terminal, jobs=os.cpu_count() or 1)
        with TarArchive((0, 0)) as tar:
            _add_files(tar, Path(folder), cache)
            _add_authority(tar, engine, image)
            terminal.note(f"{name}: laying out the layer and its tests")
            with temporary_image(engine, image, tar) as prepared:
                code = _test(engine, prepared, arguments)
    if code:
        raise BuildError(f"Tests fail in {name}.", f"pytest ended with exit code {code}.", "See its output above.")


def _add_files(tar: TarArchive, folder: Path, cache: Path) -> None:
    """Adds what every image gets: the layer, the tests, and what the tests need."""
    unzip(ROOT / "dist" / f"{NAME}.zip", folder / "opt")
    tar.add(folder / "opt", "opt")
    for name in CHECKED_OUT:
        tar.add(ROOT / name, f"{CHECKOUT}/{name}")
    for path in (*(ROOT / "dist").glob(f"{NAME}.*"), ROOT / "dist" / "SHA256SUMS"):
        tar.add(path, f"{CHECKOUT}/dist/{path.name}")
    own_wheels = cached_wheels("in_container", str(Layer(folder / "opt").python), cache)
    tar.add(own_wheels, f"{TEST_FILES}/wheels/in_container")
    tar.add(install_wheels("wheels", folder / "wheels"), f"{TEST_FILES}/wheels/wheels")
    tar.add(emulator_for(PLATFORM.cpu.lambda_name, folder), f"{TEST_FILES}/aws-lambda-rie")
    tar.link("var/task", str(TASK_IN_CONTAINER))


def _add_authority(tar: TarArchive, engine: Engine, image: str) -> None:
    """Adds a certificate authority to the image's own bundles, as a company would, and its key to the tests' files."""
    authority = trustme.CA()
    certificate = authority.cert_pem.bytes().decode()
    tar.text(f"{TEST_FILES}/authority.pem", authority.private_key_pem.bytes().decode() + certificate)
    with Container(engine, image, ResourceLimits(MEMORY)) as container:
        for bundle in BUNDLES:
            output: list[bytes] = []
            script = 'file=$(readlink -e "$0") && echo "$file" && cat "$file"'
            if container.run(("/bin/sh", "-c", script, bundle), {}, output.append) == 0:
                path, _, text = b"".join(output).decode().partition("\n")
                tar.text(path.lstrip("/"), text + certificate)


def _test(engine: Engine, image: str, arguments: Sequence[str]) -> int:
    environment = {
        **ENVIRONMENT,
        "HOME": "/home/nobody",
        CONTAINER_FILES_VARIABLE: f"/{TEST_FILES}",
        ARCH_VARIABLE: PLATFORM.cpu.lambda_name,
        PRODUCT_VARIABLE: PRODUCT.name,
        "PYTHONPATH": f"/{TEST_FILES}/wheels/in_container",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis",  # pytest -v needs it
    }
    command = ("/opt/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-m", "not mounts", *TESTS, *arguments)
    with Container(engine, image, ResourceLimits(MEMORY, scratch=SCRATCH)) as container:

        def show(chunk: bytes) -> None:
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()

        return container.run(command, environment, show, cwd=f"/{CHECKOUT}")


if __name__ == "__main__":
    sys.exit(main())
