"""The public names of the standard library's modules are those of another CPython, but for some that have a reason."""

import tomllib
from pathlib import Path

import pytest

from builder.interpreters.cpython.product import read_modules
from builder.interpreters.cpython.trim import read_omissions
from builder.plan.keys import read_materials
from builder.platform import version_number
from tests.layer.test_newer_libc import glibc
from tools.support.product import PLATFORM, PRODUCT, TARGET, Layer

NAMES = Path(__file__).with_name("public_names")
ARCHITECTURE = PLATFORM.cpu.lambda_name

Names = dict[str, set[str]]
"""A module's name → its public names."""


def _parsed(text: str) -> Names:
    return {module: set(names.split()) for module, _, names in (line.partition(":") for line in text.splitlines())}


@pytest.fixture(scope="module")
def names(layer: Layer) -> Names:
    return _parsed(layer.run("-S", "-c", (NAMES / "list_names.py").read_text("utf-8")))


@pytest.fixture(scope="module")
def others_names() -> Names:
    """What the other CPython of the series has."""
    file = NAMES / f"{TARGET.series}.txt"
    if not file.exists():
        pytest.skip(f"nobody has listed the names of CPython {TARGET.series}")
    return _parsed(file.read_text("utf-8"))


def test_missing_modules_are_left_out_for_a_reason(names: Names, others_names: Names) -> None:
    files = read_materials()
    path = PRODUCT.file("omissions.toml")
    omitted = {each for omission in read_omissions(files.text(path), path) for each in omission.paths}
    known = {each.removesuffix(".py").replace("/", ".") for each in omitted}
    known.update(read_modules(PRODUCT, files).absent)
    missing = others_names.keys() - names.keys()
    assert {each for each in missing if not any(f"{each}.".startswith(f"{parent}.") for parent in known)} == set()


def test_missing_names_are_missing_for_a_reason(names: Names, others_names: Names) -> None:
    explained: Names = {}
    for entry in tomllib.loads((NAMES / "missing.toml").read_text("utf-8"))["missing"]:
        assert entry["why"]
        if (
            TARGET.series in entry.get("series", [TARGET.series])
            and PRODUCT.variant in entry.get("variants", [PRODUCT.variant])
            and ARCHITECTURE in entry.get("architectures", [ARCHITECTURE])
            and glibc() < version_number(entry.get("before_glibc", "3"))
        ):
            for module in entry["modules"]:
                explained.setdefault(module, set()).update(entry["names"])
    missing = {each: others_names[each] - names[each] for each in names.keys() & others_names.keys()}
    assert {module: lost for module, lost in missing.items() if lost} == explained
