"""deploy-function against AWS as moto's server plays it, and its printed commands against the same with the aws CLI."""

import os
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.aws import deploy
from tests.aws.conftest import Said, Workplace, a_layer
from tests.aws.fake_aws import ACCOUNT, Refusal, Request

REGION = "eu-west-3"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:python313:1"

Deploy = Callable[..., Said]


def make_role(workplace: Workplace) -> None:
    workplace.client("iam", "us-east-1").create_role(RoleName="lambda", AssumeRolePolicyDocument="{}")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"of the moment")
    (folder / "app.py").write_text("def handler(event, context): return event\n", encoding="utf-8")
    (folder / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "run.sh").chmod(0o700)
    (folder / "alias.py").symlink_to("app.py")
    return folder


@pytest.fixture
def deployed(workplace: Workplace, source: Path) -> Deploy:
    """Deploys a function ``hello``, where there are a role and a published layer."""
    make_role(workplace)
    assert workplace.publish(REGION).code == 0
    workplace.cloud.requests.clear()

    def run(*arguments: str) -> Said:
        package = workplace.folder / "hello.zip"
        options = ("--function=hello", f"--source={source}", "--handler=app.handler", f"--package={package}")
        return workplace.run("deploy-function", *options, f"--role={ROLE}", f"--region={REGION}", *arguments)

    return run


def configuration(workplace: Workplace) -> dict[str, Any]:
    return dict(workplace.client("lambda", REGION).get_function_configuration(FunctionName="hello"))


def writes(workplace: Workplace) -> list[str]:
    """The last parts of the paths of what was changed."""
    return [request.path.rpartition("/")[2] for request in workplace.cloud.requests if request.writes()]


def test_a_new_function_stands_on_the_recorded_layer(workplace: Workplace, deployed: Deploy) -> None:
    settings = ("--memory=256", "--timeout=7", "--env=STAGE=test", "--env=QUERY=a=b c")
    said = deployed(*settings)
    assert said.code == 0, said.err
    found = configuration(workplace)
    assert found["State"] == "Active"
    assert found["Runtime"] == "provided.al2023"
    assert found["Handler"] == "app.handler"
    assert found["Role"] == ROLE
    assert found["Architectures"] == ["x86_64"]
    assert [layer["Arn"] for layer in found["Layers"]] == [LAYER]
    assert (found["MemorySize"], found["Timeout"]) == (256, 7)
    assert found["Environment"] == {"Variables": {"STAGE": "test", "QUERY": "a=b c"}}


def test_its_zip_holds_the_source_with_modes_and_links_and_without_leftovers(
    workplace: Workplace, deployed: Deploy
) -> None:
    deployed()
    with zipfile.ZipFile(workplace.folder / "hello.zip") as archive:
        found = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert found == {"alias.py": 0o120777, "app.py": 0o100644, "run.sh": 0o100755}


def test_what_is_so_already_is_left_alone(workplace: Workplace, deployed: Deploy) -> None:
    settings = ("--memory=256", "--env=STAGE=test")
    deployed(*settings)
    workplace.cloud.requests.clear()
    said = deployed(*settings)
    assert (said.code, said.out) == (0, "")
    assert "nothing to do" in said.err
    assert writes(workplace) == []


def test_changed_code_is_updated_and_nothing_else(workplace: Workplace, deployed: Deploy, source: Path) -> None:
    deployed()
    before = configuration(workplace)["CodeSha256"]
    workplace.cloud.requests.clear()
    (source / "app.py").write_text("def handler(event, context): return 2\n", encoding="utf-8")
    deployed()
    assert writes(workplace) == ["code"]
    assert configuration(workplace)["CodeSha256"] != before


def test_changed_settings_are_updated_and_what_is_not_said_stays(workplace: Workplace, deployed: Deploy) -> None:
    deployed("--memory=256", "--env=STAGE=test")
    workplace.cloud.requests.clear()
    deployed("--timeout=9", "--runtime=provided.al2")
    assert writes(workplace) == ["configuration"]
    found = configuration(workplace)
    assert (found["MemorySize"], found["Timeout"], found["Runtime"]) == (256, 9, "provided.al2")
    assert found["Environment"] == {"Variables": {"STAGE": "test"}}
    deployed("--env=OTHER=1")
    assert configuration(workplace)["Environment"] == {"Variables": {"OTHER": "1"}}


def test_a_newer_layer_replaces_the_older_one(workplace: Workplace, deployed: Deploy) -> None:
    deployed()
    workplace.publish(REGION, zip_file=a_layer(workplace.folder / "dist", b"newer"))
    deployed()
    assert [layer["Arn"] for layer in configuration(workplace)["Layers"]] == [f"{LAYER[:-1]}2"]


def by_hand(commands: str) -> None:
    """Carries out what was printed, with the aws command line of these tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in commands.splitlines():
        done = subprocess.run(
            shlex.split(line), env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def comparable(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in found.items() if name not in ("LastModified", "ResponseMetadata", "RevisionId")
    }


def test_the_printed_commands_do_the_same_with_the_aws_command_line(
    workplace: Workplace, deployed: Deploy, source: Path
) -> None:
    wishes = (("--memory=256", "--env=STAGE=a b"), ("--timeout=9", "--env=STAGE=c", "--runtime=provided.al2"))
    for turn, wish in enumerate(wishes):
        (source / "app.py").write_text(f"def handler(event, context): return {turn}\n", encoding="utf-8")
        dry = deployed(*wish, "--dry-run")
        assert "would be done" in dry.err
        by_hand(dry.out)
        done = configuration(workplace)
        assert deployed(*wish).out == ""  # the commands have left nothing to do
    workplace.client("lambda", REGION).delete_function(FunctionName="hello")
    for turn, wish in enumerate(wishes):
        (source / "app.py").write_text(f"def handler(event, context): return {turn}\n", encoding="utf-8")
        assert deployed(*wish).code == 0
    assert comparable(configuration(workplace)) == comparable(done)


def test_the_commands_that_are_printed_are_those_that_are_carried_out(workplace: Workplace, deployed: Deploy) -> None:
    dry = deployed("--dry-run")
    assert writes(workplace) == []
    done = deployed()
    assert done.out == dry.out
    create, wait = (shlex.split(line) for line in done.out.splitlines())
    assert create[:3] == ["aws", "lambda", "create-function"]
    assert f"fileb://{workplace.folder}/hello.zip" in create
    assert wait[:4] == ["aws", "lambda", "wait", "function-active-v2"]
    assert create[-4:] == wait[-4:] == ["--region", REGION, "--endpoint-url", workplace.cloud.url]


def test_a_package_over_the_direct_limit_goes_through_s3(workplace: Workplace, deployed: Deploy, source: Path) -> None:
    (source / "model").write_bytes(os.urandom(51 << 20))
    assert deployed().code == 46
    place = {"LocationConstraint": REGION}
    workplace.client("s3", REGION).create_bucket(Bucket="code", CreateBucketConfiguration=place)
    said = deployed("--s3-bucket=code")
    assert said.code == 0, said.err
    assert said.out.startswith(f"aws s3 cp {workplace.folder}/hello.zip s3://code/static-python-layer/")
    assert configuration(workplace)["CodeSize"] == (workplace.folder / "hello.zip").stat().st_size


def test_a_role_that_was_just_made_is_waited_for(
    workplace: Workplace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "ROLE_PAUSE", 0.1)
    workplace.publish(REGION)
    attempts = []

    def gate(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("/functions"):
            attempts.append(request)
            if len(attempts) == 3:
                workplace.cloud.gate = lambda _: None
                make_role(workplace)

    workplace.cloud.gate = gate
    options = ("--function=hello", f"--source={source}", "--handler=app.handler", f"--role={ROLE}")
    package = f"--package={workplace.folder / 'hello.zip'}"
    said = workplace.run("deploy-function", *options, package, f"--region={REGION}")
    assert said.code == 0, said.err
    assert len(attempts) == 3


# What goes wrong.


def test_a_role_that_lambda_may_not_use_is_told(
    workplace: Workplace, deployed: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "ROLE_TRIES", 2)
    monkeypatch.setattr(deploy, "ROLE_PAUSE", 0.1)
    said = deployed(f"--role={ROLE}s")
    assert said.code == 45
    assert "cannot be assumed" in said.err


def test_a_function_that_does_not_become_active_is_told_with_lambdas_reason(
    workplace: Workplace, deployed: Deploy
) -> None:
    failed = {"Configuration": {"State": "Failed", "StateReason": "The layer is damaged."}}

    def gate(request: Request) -> Refusal | None:
        return (200, failed) if request.method == "GET" and request.path.endswith("/functions/hello") else None

    workplace.cloud.gate = gate
    said = deployed()
    assert said.code == 50
    assert "The layer is damaged." in said.err


def test_an_update_under_way_is_waited_for(workplace: Workplace, deployed: Deploy) -> None:
    deployed()
    left = [True]

    def gate(request: Request) -> Refusal | None:
        if left and request.method == "GET" and request.path.endswith("/functions/hello/configuration"):
            left.clear()
            return 200, {"State": "Active", "LastUpdateStatus": "InProgress"}
        return None

    workplace.cloud.gate = gate
    assert deployed("--memory=512").code == 0
    assert left == []
    assert configuration(workplace)["MemorySize"] == 512


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--arch=arm64",), 48, "nox -s publish_layer"),
        ((f"--layer={LAYER}", "--arch=arm64"), 48, "is not for arm64"),
        ((f"--layer={LAYER[:-1]}7",), 45, "python313:7"),
        (("--layer=python313",), 48, "'python313' names no layer"),
        (("--handler=other.handler",), 49, "no other.py"),
        (("--handler=handler",), 49, "names no module"),
        (("--source=/nonexistent",), 49, "/nonexistent"),
        (("--region=eu-wset-3",), 42, "eu-west-3"),
        (("--package=/sys/x/hello.zip",), 18, "/sys/x"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(
    workplace: Workplace, deployed: Deploy, arguments: tuple[str, ...], code: int, told: str
) -> None:
    said = deployed(*arguments)
    assert (said.code, said.out) == (code, "")
    assert told in said.err
    assert writes(workplace) == []


def test_of_several_layers_one_must_be_named(workplace: Workplace, deployed: Deploy) -> None:
    workplace.publish(REGION, "--name=other")
    said = deployed()
    assert said.code == 48
    assert LAYER in said.err
    assert deployed(f"--layer={LAYER}").code == 0


def test_an_empty_folder_and_a_link_that_leads_out_are_no_source(workplace: Workplace, deployed: Deploy) -> None:
    empty = workplace.folder / "empty"
    empty.mkdir()
    assert deployed(f"--source={empty}", f"--layer={LAYER}", f"--layer={LAYER}").code == 49
    for target in ("../layers.json", "/etc/passwd"):
        (empty / "app.py").unlink(missing_ok=True)
        (empty / "app.py").symlink_to(target)
        said = deployed(f"--source={empty}")
        assert said.code == 49
        assert f"leads out of it, to {target}" in said.err


def test_a_function_may_be_described_in_packages(workplace: Workplace, deployed: Deploy, source: Path) -> None:
    (source / "orders").mkdir()
    (source / "orders" / "api.py").write_text("", encoding="utf-8")
    assert deployed("--handler=orders.api.create").code == 0
    assert deployed("--handler=orders/api.create").code == 0
