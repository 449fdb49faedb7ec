"""What ``check_dist`` says of a ``dist/`` in which nothing has to be built, and what it would build of another one."""

import json
from pathlib import Path

import pytest

from builder import dist
from builder.artifacts.export import SUMS
from builder.console import Terminal
from builder.errors import ManifestMismatch
from builder.fetch import file_sha256
from builder.layers import Request
from builder.platform import CPUS, make_platform
from tests.unit.repository import REPOSITORY

TRACKED = [product for product in REPOSITORY.products.by_name.values() if product.tracked]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ``dist/`` of this checkout, with as much in its files as is read of them."""
    made = tmp_path / "dist"
    made.mkdir()
    for product in TRACKED:
        for arch in dist.ARCHS:
            layer = REPOSITORY.plan(product, make_platform(arch), machine=CPUS[0])[-1]
            steps = {"internalParameters": {"steps": {layer.name: layer.key}}}
            provenance = json.dumps({"predicate": {"buildDefinition": steps}})
            stem = product.stem(arch)
            (made / f"{stem}.provenance.json").write_text(provenance, encoding="utf-8")
            (made / f"{stem}.cdx.json").write_text(stem, encoding="utf-8")
    names = sorted(path.name for path in made.iterdir())
    sums = "".join(f"{file_sha256(made / name)}  {name}\n" for name in names)
    (made / SUMS).write_text(sums, encoding="utf-8")
    return made


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The layers that would be built; none is."""
    requests: list[Request] = []
    monkeypatch.setattr(dist, "build_layers", lambda request, *_, **__: requests.append(request))
    return requests


def check(folder: Path, *, everything: bool = False) -> None:
    dist.check_dist(Terminal(), jobs=1, everything=everything, choice="host", image="", folder=folder)


def test_what_has_its_key_in_the_provenance_is_not_built(
    folder: Path, built: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    check(folder)
    assert built == []
    told = capsys.readouterr()
    for product in TRACKED:
        for arch in dist.ARCHS:
            assert f"{product.stem(arch)}: its key has not changed" in told.out + told.err
    assert (told.out + told.err).count("its key has not changed") == len(dist.ARCHS) * len(TRACKED)


def test_a_layer_with_another_key_is_built(folder: Path, built: list[Request]) -> None:
    name = f"{REPOSITORY.products.default.stem('arm64')}.provenance.json"
    changed = (folder / name).read_text(encoding="utf-8").replace('"layer-', '"other-')
    (folder / name).write_text(changed, encoding="utf-8")
    sums = (folder / SUMS).read_text(encoding="utf-8")
    (folder / SUMS).write_text("".join(line for line in sums.splitlines(True) if name not in line), encoding="utf-8")
    check(folder)
    assert built == [Request((REPOSITORY.products.default.name,), ("arm64",))]


def test_everything_that_is_tracked_is_built_on_request(folder: Path, built: list[Request]) -> None:
    check(folder, everything=True)
    names = tuple(product.name for product in TRACKED)
    assert built == [Request(names, (arch,)) for arch in dist.ARCHS]


def test_a_file_that_is_not_as_its_checksum_says_is_refused(folder: Path, built: list[Request]) -> None:
    name = f"{REPOSITORY.products.default.stem('x86_64')}.cdx.json"
    (folder / name).write_text("{}", encoding="utf-8")
    with pytest.raises(ManifestMismatch, match=rf"Other bytes: {name}"):
        check(folder)
    assert built == []


def test_a_file_that_no_product_gives_is_refused(folder: Path, built: list[Request]) -> None:
    with (folder / SUMS).open("a", encoding="utf-8") as sums:
        sums.write(f"{'0' * 64}  cpython-2.7.18-x86_64.zip\n")
    with pytest.raises(ManifestMismatch, match=r"nothing gives cpython-2\.7\.18-x86_64\.zip"):
        check(folder)
    assert built == []
