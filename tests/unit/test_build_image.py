"""`build-image` on the command line: what cannot be built is refused before anything is, with the reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from builder.arguments import image_tag
from builder.executors.images import load_images
from builder.oci.build import ImageRequest, _default_tag
from tests.unit.repository import PRODUCT

from .fakes import ROOT
from .images import LOADERS, Layout, base, docker_archive
from .test_command_line import CommandLine, complaint


@pytest.fixture
def builder(tmp_path: Path) -> CommandLine:
    return CommandLine(ROOT, tmp_path)


def refused(builder: CommandLine, *options: str) -> tuple[int, str, str, str]:
    """Exit code, what failed, why, and what to do."""
    output = builder.folder / "images"
    code, out, err = builder.run("build-image", "--in=host", f"--output={output}", *options)
    assert out == ""
    assert not output.exists()
    return code, *complaint(err)


def test_an_unknown_base_is_refused_with_the_known_ones(builder: CommandLine) -> None:
    code, what, why, do = refused(builder, "--base=debain13")
    assert (code, what) == (22, "There is no image 'debain13'.")
    assert "no name of images.toml" in why
    assert "no.sock" in why  # the engine that was asked
    assert all(name in do for name in load_images())


def test_amazons_base_that_is_not_at_hand_is_told_with_the_way_out(builder: CommandLine) -> None:
    proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")
    output = builder.folder / "images"
    code, _, err = builder.run("build-image", "--in=host", f"--output={output}", no_proxy="", NO_PROXY="", **proxies)
    what, why, do = complaint(err)
    (archive,) = (each for each in load_images()["al2023"].archives if each.machine == "x86_64")
    assert (code, what) == (22, "The base al2023 is not at hand.")
    assert archive.url in why
    for word in ("--base debian13", "STATIC_PYTHON_SOURCES", archive.file, archive.sha256):
        assert word in do


def not_an_image(folder: Path) -> Path:
    (folder / "file").write_bytes(b"no image")
    return folder / "file"


def with_opt(folder: Path) -> Path:
    made = Layout(folder / "with-opt")
    return made.index(made.image({LOADERS["amd64"]: b"", "opt/extensions/spy": b""}))


def without_glibc(folder: Path) -> Path:
    return docker_archive(folder / "alpine.tar", {"lib/ld-musl-x86_64.so.1": b""})


@pytest.mark.parametrize(
    ("make", "what", "why"),
    [
        (not_an_image, "is no container image", "neither a folder nor an archive"),
        (lambda folder: base(folder / "arm", "arm64"), "has no image for x86_64", "are for: arm64"),
        (with_opt, "with-opt cannot be a base", "It has files where the layer will be: opt/extensions/spy"),
        (without_glibc, "alpine.tar cannot be a base", "It has no ld-linux-x86-64.so.2"),
    ],
    ids=["no image", "another processor", "files at /opt", "no glibc"],
)
def test_a_base_that_cannot_be_one_is_refused(
    builder: CommandLine, make: Callable[[Path], Path], what: str, why: str
) -> None:
    code, told, reason, _ = refused(builder, f"--base={make(builder.folder)}", "--arch=x86_64")
    assert code == 53
    assert what in told
    assert why in reason


def test_an_index_that_lacks_one_of_the_architectures_is_refused(builder: CommandLine) -> None:
    path = base(builder.folder / "base", "amd64")
    code, what, why, do = refused(builder, f"--base={path}", "--arch=x86_64", "--arch=arm64")
    assert (code, what) == (53, f"{path} has no image for arm64.")
    assert "are for: amd64" in why
    assert "--arch arm64" in do


@pytest.mark.parametrize(
    ("options", "what", "do"),
    [
        ((), "Nothing says which function of", "--handler module.function"),
        (("--handler=other.hello",), "is not in", "correct --handler"),
        (("--handler=hello",), "is not a handler", "--handler module.function"),
    ],
)
def test_a_source_without_its_handler_is_refused(
    builder: CommandLine, options: tuple[str, ...], what: str, do: str
) -> None:
    source = builder.folder / "source"
    source.mkdir()
    (source / "function.py").write_text("def hello(event, context): ...\n", encoding="utf-8")
    code, told, _, advice = refused(builder, f"--source={source}", *options, f"--base={builder.folder}")
    assert code == 49
    assert what in told
    assert do in advice


def test_a_source_that_is_no_folder_is_refused(builder: CommandLine) -> None:
    code, what, _, _ = refused(builder, f"--source={builder.folder / 'nothing'}", "--handler=a.b")
    assert (code, what) == (49, f"{builder.folder / 'nothing'} cannot be a function's source.")


def test_an_image_in_its_own_source_is_refused(builder: CommandLine) -> None:
    source = builder.folder
    (source / "function.py").write_text("", encoding="utf-8")
    code, _, why, _ = refused(builder, f"--source={source}", "--handler=function.hello")
    assert code == 49
    assert "The image is to be in it" in why


@pytest.mark.parametrize("tag", ["Hello", "a b", "a:", ":1", "a:b:c", "a/", "-", "a@sha256:0"])
def test_a_tag_that_no_engine_takes_is_refused(builder: CommandLine, tag: str) -> None:
    code, out, err = builder.run("build-image", f"--tag={tag}")
    assert (code, out) == (2, "")
    assert f"{tag!r} is not NAME:TAG" in err


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("hello", "hello:latest"),
        ("hello:1.0", "hello:1.0"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
        (
            "123456789012.dkr.ecr.eu-west-3.amazonaws.com/hello:v1",
            "123456789012.dkr.ecr.eu-west-3.amazonaws.com/hello:v1",
        ),
    ],
)
def test_a_tag_without_a_version_is_the_latest(given: str, meant: str) -> None:
    assert image_tag(given) == meant


def test_by_default_it_is_called_after_what_is_in_it() -> None:
    request = ImageRequest(PRODUCT, ("x86_64",), "debian13")
    assert _default_tag(request) == f"localhost/cpython-3.13:{PRODUCT.version}"
    assert image_tag(_default_tag(request)) == _default_tag(request)
    assert request.name == f"cpython-{PRODUCT.version}"
