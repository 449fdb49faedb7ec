"""`build-image`: a function with its layer as an image, which is verified, and the same bytes everywhere."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.oci.contents import members
from builder.oci.reading import ARCHITECTURES, open_path
from tests.builds.build_cache import BuildCache
from tests.unit.images import base
from tools.support.product import NAME, PLATFORM, PRODUCT, ROOT

ARCH = PLATFORM.cpu.lambda_name


def build(cache: BuildCache, base_layout: Path, output: Path, *options: str, **changes: str) -> list[str]:
    """The paths that are printed."""
    words = ("--in=host", f"--base={base_layout}", f"--output={output}", f"--arch={ARCH}", *options)
    command = (sys.executable, "-m", "builder", "build-image", f"--product={PRODUCT.name}", *words)
    environment = {**cache.environment, **changes}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def verify(path: Path, *options: str) -> tuple[int, str]:
    command = (sys.executable, "-m", "builder", "verify", str(path), *options)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "greeting"
    folder.mkdir()
    (folder / "function.py").write_text("def hello(event, context):\n    return 'hello'\n", encoding="utf-8")
    return folder


def test_a_function_and_its_layer_are_an_image_that_its_manifest_describes(
    shared_build_cache: BuildCache, source: Path, tmp_path: Path
) -> None:
    small, output = base(tmp_path / "small", ARCHITECTURES[ARCH]), tmp_path / "images"
    options = (f"--source={source}", "--handler=function.hello", "--tag=greeting:1")
    printed = build(shared_build_cache, small, output, *options)
    stem = f"greeting-{NAME}"
    assert sorted(printed) == sorted(
        f"{output}/{stem}.{ending}" for ending in ("oci", "tar", "manifest.json", "cdx.json", "provenance.json")
    )
    done = subprocess.run(("sha256sum", "--check", "--quiet", f"{stem}.sha256"), cwd=output, check=False)
    assert done.returncode == 0
    code, said = verify(output / f"{stem}.tar", f"--manifest={output / f'{stem}.manifest.json'}")
    assert code == 0, said
    assert "is the one described there, to the byte" in said
    with open_path(output / f"{stem}.oci") as (image,):
        found = {member.path for member in members(image.layers, image.name)}
    layer = json.loads((output / f"{stem}.manifest.json").read_text(encoding="utf-8"))["entries"]
    assert {f"opt/{entry['path']}" for entry in layer} <= found
    assert {"var/task/function.py", "opt", "var/task"} <= found
    assert [path for path in found if path.startswith("var/task/") and path.endswith(".pyc")]


def test_it_has_the_same_bytes_in_another_folder_zone_and_order_of_files(
    shared_build_cache: BuildCache, source: Path, tmp_path: Path
) -> None:
    options = ("--handler=function.hello", "--tag=greeting:1")
    first = build(
        shared_build_cache,
        base(tmp_path / "small", ARCHITECTURES[ARCH]),
        tmp_path / "a",
        f"--source={source}",
        *options,
    )
    moved = tmp_path / "elsewhere" / "greeting"
    moved.mkdir(parents=True)
    (moved / "function.py").write_bytes((source / "function.py").read_bytes())
    os.utime(moved / "function.py", (1, 1))
    changes = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "5"}
    second = build(
        shared_build_cache,
        base(tmp_path / "again" / "small", ARCHITECTURES[ARCH]),
        tmp_path / "b",
        f"--source={moved}",
        *options,
        **changes,
    )

    def digests(paths: list[str]) -> dict[str, str]:
        files = (path for path in map(Path, paths) if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert digests(first) == digests(second)
    assert len(digests(first)) == 4


def test_without_a_function_it_is_a_base_for_one_and_dist_stays_as_it_is(
    shared_build_cache: BuildCache, tmp_path: Path
) -> None:
    before = sorted(path.name for path in (ROOT / "dist").iterdir())
    output = tmp_path / "images"
    build(shared_build_cache, base(tmp_path / "small", ARCHITECTURES[ARCH]), output)
    code, said = verify(output / f"{NAME}.oci", f"--manifest={ROOT / 'dist' / f'{NAME}.manifest.json'}")
    assert code == 0, said
    assert sorted(path.name for path in (ROOT / "dist").iterdir()) == before
