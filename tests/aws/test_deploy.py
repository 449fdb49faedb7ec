"""deploy-function against moto's AWS, and the commands that it prints, run by the AWS CLI against the same."""

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
from tests.aws.conftest import CommandResult, Workspace, make_layer
from tests.aws.fake_aws import ACCOUNT, Reply, Request
from tools.support.product import CACHE_TAG

REGION = "eu-west-3"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:python313:1"

Deploy = Callable[..., CommandResult]


def make_role(workspace: Workspace) -> None:
    workspace.client("iam", "us-east-1").create_role(RoleName="lambda", AssumeRolePolicyDocument="{}")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"of this run")
    (folder / "app.py").write_text("def handler(event, context): return event\n", encoding="utf-8")
    (folder / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "run.sh").chmod(0o700)
    (folder / "alias.py").symlink_to("app.py")
    return folder


@pytest.fixture
def deployed(workspace: Workspace, source: Path) -> Deploy:
    """Deploys a function ``hello`` as it is, without bytecode, given a role and a published layer."""
    make_role(workspace)
    assert workspace.publish(REGION).code == 0
    workspace.aws.requests.clear()

    def run(*arguments: str, bytecode: bool = False) -> CommandResult:
        package = workspace.folder / "hello.zip"
        options: tuple[str, ...] = ("--function=hello", f"--source={source}", "--handler=app.handler")
        options += () if bytecode else ("--no-bytecode",)
        options += (f"--package={package}", f"--role={ROLE}", f"--region={REGION}")
        return workspace.run("deploy-function", *options, *arguments)

    return run


def configuration(workspace: Workspace) -> dict[str, Any]:
    return dict(workspace.client("lambda", REGION).get_function_configuration(FunctionName="hello"))


def writes(workspace: Workspace) -> list[str]:
    """The last path component of each request that changes something."""
    return [request.path.rpartition("/")[2] for request in workspace.aws.requests if request.writes()]


def test_a_new_function_uses_the_recorded_layer(workspace: Workspace, deployed: Deploy) -> None:
    settings = ("--memory=256", "--timeout=7", "--env=STAGE=test", "--env=QUERY=a=b c")
    result = deployed(*settings)
    assert result.code == 0, result.err
    found = configuration(workspace)
    assert found["State"] == "Active"
    assert found["Runtime"] == "provided.al2023"
    assert found["Handler"] == "app.handler"
    assert found["Role"] == ROLE
    assert found["Architectures"] == ["x86_64"]
    assert [layer["Arn"] for layer in found["Layers"]] == [LAYER]
    assert (found["MemorySize"], found["Timeout"]) == (256, 7)
    assert found["Environment"] == {"Variables": {"STAGE": "test", "QUERY": "a=b c"}}


def test_the_zip_contains_the_source_with_modes_and_links_and_no_bytecode_cache(
    workspace: Workspace, deployed: Deploy
) -> None:
    deployed()
    with zipfile.ZipFile(workspace.folder / "hello.zip") as archive:
        found = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert found == {"alias.py": 0o120777, "app.py": 0o100644, "run.sh": 0o100755}


def test_bytecode_comes_with_the_sources_and_an_unchanged_function_is_left_alone(
    workspace: Workspace, deployed: Deploy
) -> None:
    result = deployed(bytecode=True)
    assert result.code == 0, result.err
    assert "left out of source: 1 file of bytecode of another Python (cpython-311)" in result.err
    with zipfile.ZipFile(workspace.folder / "hello.zip") as archive:
        names = set(archive.namelist())
        content = archive.read(f"__pycache__/app.{CACHE_TAG}.pyc")
    assert names == {
        *("alias.py", "app.py", "run.sh"),
        *(f"__pycache__/{name}.{CACHE_TAG}.pyc" for name in ("alias", "app")),
    }
    assert content[4:8] == b"\1\0\0\0"  # PEP 552: hash-based, not to be checked
    workspace.aws.requests.clear()
    result = deployed(bytecode=True)
    assert (result.code, result.out, writes(workspace)) == (0, "", [])


def test_an_unchanged_function_without_bytecode_is_left_alone(workspace: Workspace, deployed: Deploy) -> None:
    settings = ("--memory=256", "--env=STAGE=test")
    deployed(*settings)
    workspace.aws.requests.clear()
    result = deployed(*settings)
    assert (result.code, result.out) == (0, "")
    assert "nothing to do" in result.err
    assert writes(workspace) == []


def test_only_changed_code_is_updated(workspace: Workspace, deployed: Deploy, source: Path) -> None:
    deployed()
    before = configuration(workspace)["CodeSha256"]
    workspace.aws.requests.clear()
    (source / "app.py").write_text("def handler(event, context): return 2\n", encoding="utf-8")
    deployed()
    assert writes(workspace) == ["code"]
    assert configuration(workspace)["CodeSha256"] != before


def test_changed_settings_are_updated_and_unspecified_ones_stay(workspace: Workspace, deployed: Deploy) -> None:
    deployed("--memory=256", "--env=STAGE=test")
    workspace.aws.requests.clear()
    deployed("--timeout=9", "--runtime=provided.al2")
    assert writes(workspace) == ["configuration"]
    found = configuration(workspace)
    assert (found["MemorySize"], found["Timeout"], found["Runtime"]) == (256, 9, "provided.al2")
    assert found["Environment"] == {"Variables": {"STAGE": "test"}}
    deployed("--env=OTHER=1")
    assert configuration(workspace)["Environment"] == {"Variables": {"OTHER": "1"}}


def test_a_newer_layer_replaces_the_older_one(workspace: Workspace, deployed: Deploy) -> None:
    deployed()
    workspace.publish(REGION, zip_file=make_layer(workspace.folder / "dist", b"newer"))
    deployed()
    assert [layer["Arn"] for layer in configuration(workspace)["Layers"]] == [f"{LAYER[:-1]}2"]


def run_commands(commands: str) -> None:
    """Runs the printed commands with the AWS CLI of the tests' environment."""
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


def test_the_printed_commands_do_the_same_with_the_aws_cli(
    workspace: Workspace, deployed: Deploy, source: Path
) -> None:
    rounds = (("--memory=256", "--env=STAGE=a b"), ("--timeout=9", "--env=STAGE=c", "--runtime=provided.al2"))
    for number, options in enumerate(rounds):
        (source / "app.py").write_text(f"def handler(event, context): return {number}\n", encoding="utf-8")
        dry = deployed(*options, "--dry-run")
        assert "would be done" in dry.err
        run_commands(dry.out)
        by_commands = configuration(workspace)
        assert deployed(*options).out == ""  # the commands have left nothing to do
    workspace.client("lambda", REGION).delete_function(FunctionName="hello")
    for number, options in enumerate(rounds):
        (source / "app.py").write_text(f"def handler(event, context): return {number}\n", encoding="utf-8")
        assert deployed(*options).code == 0
    assert comparable(configuration(workspace)) == comparable(by_commands)


def test_a_dry_run_prints_the_same_commands_and_changes_nothing(workspace: Workspace, deployed: Deploy) -> None:
    dry = deployed("--dry-run")
    assert writes(workspace) == []
    done = deployed()
    assert done.out == dry.out
    create, wait = (shlex.split(line) for line in done.out.splitlines())
    assert create[:3] == ["aws", "lambda", "create-function"]
    assert f"fileb://{workspace.folder}/hello.zip" in create
    assert wait[:4] == ["aws", "lambda", "wait", "function-active-v2"]
    assert create[-4:] == wait[-4:] == ["--region", REGION, "--endpoint-url", workspace.aws.url]


def test_a_package_over_the_direct_limit_goes_through_s3(workspace: Workspace, deployed: Deploy, source: Path) -> None:
    (source / "model").write_bytes(os.urandom(51 << 20))
    assert deployed().code == 46
    location = {"LocationConstraint": REGION}
    workspace.client("s3", REGION).create_bucket(Bucket="code", CreateBucketConfiguration=location)
    result = deployed("--s3-bucket=code")
    assert result.code == 0, result.err
    assert result.out.startswith(f"aws s3 cp {workspace.folder}/hello.zip s3://code/static-python-layer/")
    assert configuration(workspace)["CodeSize"] == (workspace.folder / "hello.zip").stat().st_size


def test_a_new_role_is_waited_for(workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "ROLE_DELAY", 0.1)
    workspace.publish(REGION)
    attempts = []

    def intercept(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("/functions"):
            attempts.append(request)
            if len(attempts) == 3:
                workspace.aws.intercept = lambda _: None
                make_role(workspace)

    workspace.aws.intercept = intercept
    options = ("--function=hello", f"--source={source}", "--handler=app.handler", f"--role={ROLE}")
    package = f"--package={workspace.folder / 'hello.zip'}"
    result = workspace.run("deploy-function", *options, package, "--no-bytecode", f"--region={REGION}")
    assert result.code == 0, result.err
    assert len(attempts) == 3


# Errors.


def test_a_role_that_lambda_may_not_assume_is_reported(
    workspace: Workspace, deployed: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "ROLE_ATTEMPTS", 2)
    monkeypatch.setattr(deploy, "ROLE_DELAY", 0.1)
    result = deployed(f"--role={ROLE}s")
    assert result.code == 45
    assert "cannot be assumed" in result.err


def test_a_function_that_does_not_become_active_is_reported_with_lambdas_reason(
    workspace: Workspace, deployed: Deploy
) -> None:
    failed = {"Configuration": {"State": "Failed", "StateReason": "The layer is damaged."}}

    def intercept(request: Request) -> Reply | None:
        return (200, failed) if request.method == "GET" and request.path.endswith("/functions/hello") else None

    workspace.aws.intercept = intercept
    result = deployed()
    assert result.code == 50
    assert "The layer is damaged." in result.err


def test_an_update_in_progress_is_waited_for(workspace: Workspace, deployed: Deploy) -> None:
    deployed()
    left = [True]

    def intercept(request: Request) -> Reply | None:
        if left and request.method == "GET" and request.path.endswith("/functions/hello/configuration"):
            left.clear()
            return 200, {"State": "Active", "LastUpdateStatus": "InProgress"}
        return None

    workspace.aws.intercept = intercept
    assert deployed("--memory=512").code == 0
    assert left == []
    assert configuration(workspace)["MemorySize"] == 512


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--arch=arm64",), 48, "nox -s publish_layer"),
        ((f"--layer={LAYER}", "--arch=arm64"), 48, "is not for arm64"),
        ((f"--layer={LAYER[:-1]}7",), 45, "python313:7"),
        (("--layer=python313",), 48, "'python313' names no layer"),
        (("--handler=other.handler",), 49, "no other.py"),
        (("--handler=handler",), 49, "names no module"),
        (("--source=/nonexistent",), 49, "/nonexistent"),
        (("--region=eu-wset-3",), 42, "eu-west-3"),
        (("--package=/proc/version/x/hello.zip",), 18, "/proc/version/x"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_changes(
    workspace: Workspace, deployed: Deploy, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = deployed(*arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert writes(workspace) == []


def test_with_several_recorded_layers_one_must_be_named(workspace: Workspace, deployed: Deploy) -> None:
    workspace.publish(REGION, "--name=other")
    result = deployed()
    assert result.code == 48
    assert LAYER in result.err
    assert deployed(f"--layer={LAYER}").code == 0


def test_an_empty_folder_and_a_link_that_leads_out_are_refused_as_source(
    workspace: Workspace, deployed: Deploy
) -> None:
    empty = workspace.folder / "empty"
    empty.mkdir()
    assert deployed(f"--source={empty}", f"--layer={LAYER}", f"--layer={LAYER}").code == 49
    for target in ("../layers.json", "/etc/passwd"):
        (empty / "app.py").unlink(missing_ok=True)
        (empty / "app.py").symlink_to(target)
        result = deployed(f"--source={empty}")
        assert result.code == 49
        assert f"leads out of it, to {target}" in result.err


def test_a_handler_may_be_in_a_package(workspace: Workspace, deployed: Deploy, source: Path) -> None:
    (source / "orders").mkdir()
    (source / "orders" / "api.py").write_text("", encoding="utf-8")
    assert deployed("--handler=orders.api.create").code == 0
    assert deployed("--handler=orders/api.create").code == 0
