"""builder.oci.verify and builder.oci.attest: an image against its own manifest, or its layer's, file by file."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry, write_zip
from builder.artifacts.provenance import BUILD_TYPE
from builder.errors import ManifestMismatch
from builder.oci.attest import Described, attest_image
from builder.oci.blobs import CONFIG, Layer, compress_layer, json_blob
from builder.oci.compose import Composed, Parts, compose
from builder.oci.reading import make_manifest, open_path
from builder.oci.verify import is_image, verify_image
from builder.oci.writing import write_layout

from .fakes import ROOT, RecordingReport
from .images import base, tar_of
from .repository import PLATFORMS, PRODUCT, REPOSITORY
from .test_manifest import check, text

LAYER = (
    Entry("bin/python", b"python3.13", LINK),
    Entry("bin/python3.13", b"\x7fELF" + bytes(3000), EXECUTABLE),
    Entry("bootstrap", b"#!/opt/bin/python3.13\n", EXECUTABLE),
    Entry("lib/x", b"x" * 5000, FILE),
)
FUNCTION = (Entry("function.py", b"def hello(event, context): ...\n", FILE),)
PARTS = Parts("hello", "3.13.15", LAYER, FUNCTION, "function.hello")
NAME = "cpython-3.13.15-x86_64"
TAG = "localhost/hello:1"


@dataclass(frozen=True)
class Release:
    """A folder with a layer's manifest, and one with an image and its own."""

    folder: Path
    composed: Composed
    texts: dict[str, str]

    @property
    def dist(self) -> Path:
        return self.folder / "dist"

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def archive(self) -> Path:
        return self.images / f"{NAME}.tar"

    def verify(self, report: RecordingReport, path: Path | None = None) -> None:
        verify_image(str(path or self.archive), None, (self.images, self.dist), report)

    def forget_image(self) -> None:
        (self.images / f"{NAME}.manifest.json").unlink()

    def write(self, parts: Parts = PARTS, change: Callable[[Composed], Composed] = lambda composed: composed) -> Path:
        """Another image on the same base; its layout."""
        with open_path(self.folder / "base") as (below,):
            composed = change(compose(parts, "small", below))
            write_layout([composed], {"amd64": TAG}, TAG, self.folder / "other.oci", self.folder / "other.tar")
        return self.folder / "other.oci"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    for name in ("dist", "images"):
        (tmp_path / name).mkdir()
    zipped = write_zip(LAYER, tmp_path / "dist" / f"{NAME}.zip")
    manifest = text(written=zipped, origins={entry.path: ("runtime",) for entry in LAYER})
    (tmp_path / "dist" / f"{NAME}.manifest.json").write_text(manifest, encoding="utf-8")
    with open_path(base(tmp_path / "base", "amd64")) as (below,):
        composed = compose(PARTS, "small", below)
        images = tmp_path / "images"
        written = write_layout([composed], {"amd64": TAG}, TAG, images / f"{NAME}.oci", images / f"{NAME}.tar")
        described = Described(composed, PARTS, "small", TAG, f"{NAME}.tar", json.loads(manifest))
        steps = REPOSITORY.plan(PRODUCT, PLATFORMS[0])
        texts = attest_image(NAME, described, written, steps, datetime(2026, 8, 5, tzinfo=UTC))
    for name, content in texts.items():
        (images / name).write_text(content, encoding="utf-8")
    return Release(tmp_path, composed, texts)


def test_an_image_is_known_by_its_own_manifest(release: Release, report: RecordingReport) -> None:
    for path in (release.archive, release.archive.with_suffix(".oci")):
        report.notes.clear()
        release.verify(report, path)
        digest = release.composed.image.manifest.descriptor.digest
        assert report.notes == [
            f"{path} (x86_64): 4 files at /opt: as {release.images}/{NAME}.manifest.json says",
            f"{path} (x86_64): the image {digest} is the one described there, to the byte",
        ]


def test_without_it_its_layer_is_known_by_the_layers_manifest(release: Release, report: RecordingReport) -> None:
    release.forget_image()
    release.verify(report)
    below, _, function = release.composed.image.layers
    assert report.notes[0].endswith(f"4 files at /opt: as {release.dist}/{NAME}.manifest.json says")
    assert report.notes[1].endswith(f"no manifest speaks of its other layers: {below.diff_id}, {function.diff_id}")


def test_a_folder_of_manifests_may_be_named(release: Release, report: RecordingReport) -> None:
    verify_image(str(release.archive), release.images, (), report)
    assert report.notes[1].endswith("is the one described there, to the byte")


def test_another_function_on_the_same_layer_is_another_image(release: Release, report: RecordingReport) -> None:
    other = release.write(replace(PARTS, function=(Entry("function.py", b"other", FILE),)))
    release.verify(report, other)
    assert "no manifest speaks of its other layers" in report.notes[1]
    with pytest.raises(ManifestMismatch) as caught:
        verify_image(str(other), release.images / f"{NAME}.manifest.json", (), report)
    assert "its configuration is sha256:" in caught.value.why
    assert "its layers are others" in caught.value.why


def complaints(release: Release, path: Path, report: RecordingReport) -> list[str]:
    with pytest.raises(ManifestMismatch) as caught:
        release.verify(report, path)
    assert report.notes == []
    return [line.strip() for line in caught.value.why.splitlines()]


def replaced(name: str, **changes: Any) -> Parts:
    layer = tuple(Entry(**{**vars(entry), **changes}) if entry.path == name else entry for entry in LAYER)
    return replace(PARTS, layer=layer)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (replaced("lib/x", content=b"y" * 5000), "lib/x has other bytes"),
        (replaced("lib/x", content=b"x" * 5001), "lib/x has 5001 bytes, not 5000"),
        (replaced("lib/x", mode=EXECUTABLE), "lib/x has mode 755, not 644"),
        (replaced("bin/python", content=b"/bin/false"), "bin/python has other bytes"),
        (replaced("bin/python", mode=FILE), "bin/python has mode 644, not 777"),
        (
            replace(PARTS, layer=(*LAYER, Entry("extensions/spy", b"#!", EXECUTABLE))),
            "extensions/spy does not belong there",
        ),
        (replace(PARTS, layer=LAYER[:-1]), "lib/x is missing"),
    ],
)
def test_a_file_that_differs_is_named(release: Release, report: RecordingReport, parts: Parts, told: str) -> None:
    assert complaints(release, release.write(parts), report) == [told]


def with_layer(*pieces: bytes) -> Callable[[Composed], Composed]:
    """Adds a layer of its own above the others."""

    def change(composed: Composed) -> Composed:
        return _with_layers(composed, (*composed.image.layers, compress_layer(pieces)))

    return change


def _with_layers(composed: Composed, layers: tuple[Layer, ...]) -> Composed:
    value = {**composed.image.config, "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}}
    config = json_blob(CONFIG, value)
    manifest = make_manifest(config.descriptor, layers)
    image = replace(composed.image, config_blob=config, config=value, layers=layers, manifest=manifest)
    return replace(composed, image=image)


def special(name: str, **fields: Any) -> bytes:
    """An archive with one member that has no content."""
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            info = tarfile.TarInfo(name)
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info)
        return file.getvalue()


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (tar_of({"opt/spy": b"#!"}), "spy does not belong there"),
        (tar_of({"opt/bootstrap": b"#!/opt/bin/python3.13\n"}), "bootstrap comes twice"),
        (tar_of({"opt/.wh.bootstrap": b""}), "layer 3 removes opt/bootstrap"),
        (tar_of({"opt/lib/.wh..wh..opq": b""}), "layer 3 removes opt/lib"),
        (tar_of({".wh.opt": b""}), "layer 3 removes opt"),
        (tar_of({".wh..wh..opq": b""}), "layer 3 removes everything"),
        (special("opt", type=tarfile.SYMTYPE, linkname="/tmp/opt"), "/opt is no folder"),
        (special("opt/lib", type=tarfile.DIRTYPE, mode=0o777), "lib has mode 777, not 755"),
        (special("opt", type=tarfile.DIRTYPE, mode=0o700), "/opt has mode 700, not 755"),
        (special("opt/lib", type=tarfile.DIRTYPE, mode=0o755, uid=1000), "lib belongs to 1000:0, not to root"),
        (special("opt/spy", type=tarfile.FIFOTYPE), "spy is neither a file nor a link nor a folder"),
        (
            special("opt/lib", type=tarfile.DIRTYPE, mode=0o755, pax_headers={"SCHILY.xattr.user.a": "b"}),
            "lib has user.a",
        ),
    ],
)
def test_a_layer_above_that_changes_opt_is_found(
    release: Release, report: RecordingReport, archive: bytes, told: str
) -> None:
    assert told in complaints(release, release.write(change=with_layer(archive)), report)


def test_a_layer_above_that_changes_something_else_is_only_told(release: Release, report: RecordingReport) -> None:
    other = release.write(change=with_layer(tar_of({"var/task/more.py": b"", "var/task/.wh.function.py": b""})))
    release.verify(report, other)
    assert "no manifest speaks of its other layers" in report.notes[1]


def test_the_same_files_otherwise_packed_are_another_layer(release: Release, report: RecordingReport) -> None:
    def change(composed: Composed) -> Composed:
        with io.BytesIO() as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                for entry in LAYER:
                    info = tarfile.TarInfo(f"opt/{entry.path}")
                    info.mode = entry.mode
                    if entry.mode == LINK:
                        info.type, info.linkname = tarfile.SYMTYPE, entry.content.decode()
                        tar.addfile(info)
                    else:
                        info.size = len(entry.content)
                        tar.addfile(info, io.BytesIO(entry.content))
            below, _, function = composed.image.layers
            return _with_layers(composed, (below, compress_layer((file.getvalue(),)), function))

    (line,) = complaints(release, release.write(change=change), report)
    assert line.startswith("all files are right, but their layer is sha256:")


def test_another_entry_point_is_found(release: Release, report: RecordingReport) -> None:
    def change(composed: Composed) -> Composed:
        config = {**composed.image.config["config"], "Entrypoint": ["/bin/sh"]}
        image = replace(composed.image, config={**composed.image.config, "config": config})
        return _with_layers(replace(composed, image=image), composed.image.layers)

    other = release.write(change=change)
    assert complaints(release, other, report) == ["its entry point is ['/bin/sh'], not ['/opt/bootstrap']"]


def test_an_image_that_is_none_of_ours_is_told(release: Release, report: RecordingReport) -> None:
    with pytest.raises(ManifestMismatch, match="is none of ours"):
        release.verify(report, release.folder / "base")


def test_an_image_that_no_manifest_speaks_of_is_told(release: Release, report: RecordingReport) -> None:
    with pytest.raises(ManifestMismatch, match="No manifest describes"):
        verify_image(str(release.archive), None, (release.folder,), report)


def test_an_index_without_an_image_is_told(tmp_path: Path, report: RecordingReport) -> None:
    with pytest.raises(ManifestMismatch, match="has no image"):
        verify_image(str(base(tmp_path / "none")), None, (), report)


def test_what_is_an_image_and_what_a_zip(release: Release) -> None:
    assert is_image(str(release.archive))
    assert is_image(str(release.archive.with_suffix(".oci")))
    assert is_image(f"registry.example/name@sha256:{'0' * 64}")
    assert not is_image(str(release.dist / f"{NAME}.zip"))
    assert not is_image("nothing.zip")


# The attestations.


def test_the_images_manifest_follows_the_schema_and_names_every_layer(release: Release) -> None:
    manifest = json.loads(release.texts[f"{NAME}.manifest.json"])
    check(manifest)
    zipped, image = manifest["artifacts"]
    assert (zipped["kind"], image["kind"], image["tag"]) == ("zip", "image", TAG)
    assert [layer["role"] for layer in image["layers"]] == ["base", "layer", "function"]
    assert [layer["diff_id"] for layer in image["layers"]] == [each.diff_id for each in release.composed.image.layers]
    assert image["function"]["handler"] == "function.hello"
    assert [file["path"] for file in image["function"]["files"]] == ["function.py"]
    without = {key: value for key, value in manifest.items() if key != "artifacts"}
    layer = json.loads((release.dist / f"{NAME}.manifest.json").read_text(encoding="utf-8"))
    assert without == {key: value for key, value in layer.items() if key != "artifacts"}


def test_the_sbom_is_about_the_image_and_has_base_layer_and_function_in_it(release: Release) -> None:
    sbom = release.texts[f"{NAME}.cdx.json"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom) is None
    bom = json.loads(sbom)
    digest = release.composed.image.manifest.descriptor.digest
    subject = bom["metadata"]["component"]
    assert (subject["type"], subject["name"], subject["version"]) == ("container", TAG, digest)
    needs = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    below = release.composed.base.manifest.descriptor.digest
    assert set(needs[digest]) == {NAME, f"base:{below}", "function"}
    assert "openssl@" in " ".join(needs[NAME])


def test_the_provenance_has_the_base_and_the_page_says_what_its_parameters_are(release: Release) -> None:
    statement = json.loads(release.texts[f"{NAME}.provenance.json"])
    subjects = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    assert f"sha256:{subjects[TAG]}" == release.composed.image.manifest.descriptor.digest
    assert set(subjects) == {f"{NAME}.tar", TAG, f"{NAME}.manifest.json", f"{NAME}.cdx.json"}
    definition = statement["predicate"]["buildDefinition"]
    parameters = definition["externalParameters"]
    function = release.composed.image.layers[-1].diff_id
    wanted = {"base": "small", "tag": TAG, "source": function, "handler": "function.hello"}
    assert {key: parameters[key] for key in wanted} == wanted
    below = release.composed.base.manifest.descriptor.digest
    assert definition["resolvedDependencies"][-1]["digest"] == {"sha256": below.removeprefix("sha256:")}
    page = (ROOT / BUILD_TYPE.partition("#")[2]).read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in parameters)


def test_the_layers_own_attestations_say_nothing_of_images(release: Release) -> None:
    layer = json.loads((release.dist / f"{NAME}.manifest.json").read_text(encoding="utf-8"))
    assert [artifact["kind"] for artifact in layer["artifacts"]] == ["zip"]
