"""Images that `build-image` makes, in an engine, under AWS's emulator, and by way of a real registry."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from builder.console import Terminal
from builder.context import cache_folder
from builder.executors.engine import Engine
from builder.executors.images import Images
from tests.unit.images import base

from .conftest import IMAGE
from .image_of_ours import Built, build, run
from .registry import open_registry, put

LONG = "--timeout=60"
FUNCTION = """
import os

def hello(event, context):
    try:
        open("/var/task/new", "w")
    except OSError as error:
        refused = error.strerror
    variables = {name: os.environ.get(name) for name in ("MORE", "LAMBDA_TASK_ROOT", "_HANDLER", "HOME")}
    return {"event": event, "user": os.getuid(), "refused": refused, "cached": __spec__.cached, **variables}

def other(event, context):
    return os.getcwd()

def fail(event, context):
    raise ValueError("no")
"""


@pytest.fixture(scope="session")
def built(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A function on the Debian 11 that the engine has."""
    folder = tmp_path_factory.mktemp("images")
    source = folder / "greeting"
    source.mkdir()
    (source / "function.py").write_text(FUNCTION, encoding="utf-8")
    reference = Images(engine, cache_folder(), Terminal()).root(IMAGE)
    return build(reference, source, "function.hello", folder / "out")


@pytest.fixture
def loaded(engine: Engine, built: Built) -> Iterator[str]:
    """The image's name in the engine, after `docker load`."""
    with built.archive.open("rb") as archive:
        said = "".join(str(line.get("stream", "")) for line in engine.api.load_image(archive))
    assert built.tag in said
    yield built.tag
    engine.api.remove_image(built.tag, force=True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def invoke(image: str | Path, *options: str) -> dict[str, object]:
    done = run("invoke", f"--image={image}", "--event=-", LONG, *options, text="[1]")
    assert done.returncode == 0, done.stderr
    assert f"in a container of {image}" in done.stderr
    return dict(json.loads(done.stdout))


def names(engine: Engine) -> set[str]:
    return {str(image["Id"]) for image in engine.api.images(all=True)}


def test_docker_loads_it_as_the_image_that_its_manifest_names(engine: Engine, built: Built, loaded: str) -> None:
    found = engine.api.inspect_image(loaded)
    assert found["Id"] == built.described["config"]
    assert found["Config"]["Entrypoint"] == ["/opt/bootstrap"]
    assert found["Created"] == "1980-01-01T00:00:00Z"


@pytest.mark.parametrize("form", ["archive", "layout"])
def test_its_function_runs_out_of_a_file_read_only_and_unprivileged(engine: Engine, built: Built, form: str) -> None:
    before = names(engine)
    found = invoke(getattr(built, form), "--env=MORE=1")
    assert found == {
        "event": [1],
        "user": 993,
        "refused": "Read-only file system",
        "cached": found["cached"],
        "MORE": "1",
        "LAMBDA_TASK_ROOT": "/var/task",
        "_HANDLER": "function.hello",
        "HOME": None,
    }
    assert str(found["cached"]).startswith("/var/task/__pycache__/function.")
    assert names(engine) == before


def test_its_function_runs_by_the_name_that_the_engine_knows(loaded: str) -> None:
    assert invoke(loaded)["event"] == [1]


def test_another_handler_can_be_named_as_lambda_lets_one(loaded: str) -> None:
    done = run("invoke", f"--image={loaded}", "--handler=function.other", "--event=-", LONG, text="1")
    assert (done.returncode, done.stdout) == (0, '"/var/task"\n'), done.stderr


def test_a_function_that_fails_has_its_exit_code(loaded: str) -> None:
    done = run("invoke", f"--image={loaded}", "--handler=function.fail", "--event=-", LONG, text="1")
    assert (done.returncode, "ValueError: no" in done.stderr) == (33, True), done.stderr


def test_an_image_without_a_function_is_told(engine: Engine, image: str) -> None:
    done = run("invoke", f"--image={image}", "--event=-", text="1")
    assert (done.returncode, done.stdout) == (31, "")
    assert "has no function to invoke" in done.stderr


@pytest.mark.parametrize(
    "options", [(), ("--image=x", "--watch"), ("--image=x", "--in=host"), ("--image=x", "--zip=y")]
)
def test_what_an_image_cannot_be_asked_for_is_told(options: tuple[str, ...]) -> None:
    done = run("invoke", "--event=-", *options, text="1")
    assert (done.returncode, done.stdout) == (31, "")
    assert "There is no function to invoke" in done.stderr


def test_a_registry_gives_it_back_to_the_byte_and_verify_reads_it_there(
    engine: Engine, built: Built, registry: str
) -> None:
    digest = put(registry, "a/greeting", built.layout)
    assert digest == built.described["root"] == built.described["manifest"]
    done = run("verify", f"{registry}/a/greeting@{digest}", f"--manifest={built.manifest}")
    assert done.returncode == 0, done.stderr
    assert f"the image {digest} is the one described there, to the byte" in done.stderr
    reference = f"{registry}/a/greeting@{digest}"
    engine.api.pull(f"{registry}/a/greeting", digest)
    try:
        assert engine.api.inspect_image(reference)["Id"] == built.described["config"]
        assert invoke(reference)["event"] == [1]
    finally:
        engine.api.remove_image(reference, force=True)


def test_what_an_engine_pushes_is_the_same_image_whoever_compressed_it(
    engine: Engine, built: Built, loaded: str, registry: str
) -> None:
    name = f"{registry}/pushed"
    engine.api.tag(loaded, name, "1")
    said = [json.loads(line) for line in engine.api.push(name, "1").splitlines()]
    engine.api.remove_image(f"{name}:1")
    (digest,) = (line["aux"]["Digest"] for line in said if "aux" in line)
    done = run("verify", f"{name}@{digest}", f"--manifest={built.manifest}")
    assert done.returncode == 0, done.stderr
    assert f"the image {digest} is the one described there" in done.stderr


def test_an_image_that_somebody_builds_on_it_is_known_by_its_layer(
    engine: Engine, built: Built, loaded: str, tmp_path: Path
) -> None:
    dockerfile = f'FROM {loaded}\nENV MORE=theirs\nCMD ["function.other"]\n'.encode()
    said = list(engine.api.build(fileobj=BytesIO(dockerfile), tag="theirs:1", rm=True, decode=True))
    assert not [line for line in said if "error" in line]
    try:
        with (tmp_path / "theirs.tar").open("wb") as file:
            file.writelines(engine.api.get_image("theirs:1"))
    finally:
        engine.api.remove_image("theirs:1", force=True)
    layers = json.loads(built.manifest.read_text(encoding="utf-8"))
    layers["artifacts"] = [artifact for artifact in layers["artifacts"] if artifact["kind"] == "zip"]
    (tmp_path / "layer.json").write_text(json.dumps(layers), encoding="utf-8")
    done = run("verify", str(tmp_path / "theirs.tar"), f"--manifest={tmp_path / 'layer.json'}")
    assert done.returncode == 0, done.stderr
    function = built.described["layers"][-1]["diff_id"]
    assert (
        f"no manifest speaks of its other layers: {built.described['layers'][0]['diff_id']}, {function}" in done.stderr
    )
    done = run("verify", str(tmp_path / "theirs.tar"), f"--manifest={built.manifest}")
    assert (done.returncode, "its configuration is sha256:" in done.stderr) == (30, True)


def test_a_base_is_taken_out_of_a_registry_by_its_digest(tmp_path: Path, registry: str) -> None:
    digest = put(registry, "small", base(tmp_path / "base", "amd64", "arm64", nested=True))
    source = tmp_path / "greeting"
    source.mkdir()
    (source / "function.py").write_text(FUNCTION, encoding="utf-8")
    made = build(f"{registry}/small@{digest}", source, "function.hello", tmp_path / "out")
    assert made.described["layers"][0]["role"] == "base"


def test_what_a_registry_does_not_have_is_told(registry: str) -> None:
    missing = f"{registry}/nothing@sha256:{'0' * 64}"
    done = run("verify", missing)
    assert (done.returncode, done.stdout) == (53, "")
    assert "the registry does not have it" in done.stderr


def test_a_registry_that_does_not_answer_is_told() -> None:
    done = run("verify", f"127.0.0.1:9/nothing@sha256:{'0' * 64}")
    assert (done.returncode, done.stdout) == (12, "")
    assert "127.0.0.1:9" in done.stderr
