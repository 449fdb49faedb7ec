"""examples/: the functions run on the layer, and the templates are accepted by their tools and by AWS."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.aws.fake_aws import ACCOUNT, FakeAws
from tests.examples.conftest import EXAMPLES
from tests.examples.terraform import problems
from tools.support.product import CACHE_TAG, NAME, ROOT

REGION = "eu-west-3"
PACKAGE_FUNCTION = shlex.join((sys.executable, "-m", "builder", "package-function", "--in=host"))
"""What ``nox -s package_function --`` runs."""


def invoke(layer: Path, example: str, event: str | None = None) -> "subprocess.CompletedProcess[str]":
    folder = EXAMPLES / example
    options = ("--in=host", f"--zip={layer}", f"--source={folder}", "--handler=function.handler", "--event=-")
    text = (folder / "event.json").read_text(encoding="utf-8") if event is None else event
    command = (sys.executable, "-m", "builder", "invoke", *options)
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)


def test_the_function_with_a_package_imports_it_from_the_layer(layer_with_packages: Path) -> None:
    done = invoke(layer_with_packages, "packages")
    assert (done.returncode, done.stdout) == (0, '{"item": "tea", "count": 3}\n'), done.stderr
    done = invoke(layer_with_packages, "packages", '{"item": "tea", "count": 0}')
    assert (done.returncode, "greater than 0" in done.stdout) == (33, True)


def test_the_streaming_function_returns_all_its_lines(layer_zip: Path) -> None:
    done = invoke(layer_zip, "streaming")
    assert done.returncode == 0, done.stderr
    prelude, _, body = done.stdout.partition("\0" * 8)
    assert json.loads(prelude)["statusCode"] == 200
    assert body == "".join(f"line {number}\n" for number in range(5)) + "\n"


def lint(template: Path, *options: str) -> None:
    program = str(Path(sys.executable).with_name("cfn-lint"))
    command = (program, f"--regions={REGION}", *options, "--", str(template))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["sam", "cloudformation"])
def test_cfn_lint_accepts_the_template(name: str) -> None:
    lint(EXAMPLES / name / "template.yaml")


def test_cfn_lint_would_reject_a_wrong_template(tmp_path: Path) -> None:
    text = (EXAMPLES / "cloudformation" / "template.yaml").read_text(encoding="utf-8")
    (tmp_path / "template.yaml").write_text(text.replace("Runtime: provided.al2023", "Runtime: python2.6"), "utf-8")
    with pytest.raises(AssertionError, match=r"python2\.6"):
        lint(tmp_path / "template.yaml")


def test_cfn_lint_accepts_what_the_cdk_synthesises(layer_with_packages: Path, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("the CDK runs on Node.js")
    context = json.dumps({"layer": str(layer_with_packages)})
    environment = {
        **os.environ,
        "CDK_OUTDIR": str(tmp_path),
        "CDK_CONTEXT_JSON": context,
        "TMPDIR": str(tmp_path),
        "PACKAGE_FUNCTION": PACKAGE_FUNCTION,
        "PYTHONPATH": str(ROOT),
    }
    command = (sys.executable, "-W", "ignore", str(EXAMPLES / "cdk" / "app.py"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    template = tmp_path / "Python314.template.json"
    lint(template, "--ignore-checks=W3005")  # the dependency of a function on its role is declared twice
    resources = json.loads(template.read_text(encoding="utf-8"))["Resources"].values()
    kinds = sorted(found["Type"].removeprefix("AWS::Lambda::") for found in resources if "Lambda" in found["Type"])
    assert kinds == ["Function", "Function", "LayerVersion", "Url"]
    (url,) = (found["Properties"] for found in resources if found["Type"] == "AWS::Lambda::Url")
    assert url["InvokeMode"] == "RESPONSE_STREAM"
    check_packaged([names_in(path) for path in tmp_path.glob("asset.*.zip")])


def names_in(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def check_packaged(zips: list[set[str]]) -> None:
    """Of some zips, or folders, one is the first function's, with bytecode."""
    assert [names for names in zips if {"function.py", f"__pycache__/function.{CACHE_TAG}.pyc"} <= names], zips


def test_sam_builds_the_function_with_its_bytecode(tmp_path: Path) -> None:
    (copied := tmp_path / "source").mkdir()  # SAM calls make in a copy of CodeUri, with the path of the Makefile
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    text = (EXAMPLES / "sam" / "template.yaml").read_text(encoding="utf-8")
    assert "BuildMethod: makefile\n    Properties:\n      CodeUri: .\n" in text
    command = ("make", "--makefile", str(EXAMPLES / "sam" / "Makefile"), "build-Orders")
    environment = {
        **os.environ,
        "ARTIFACTS_DIR": str(artifacts),
        "PACKAGE_FUNCTION": PACKAGE_FUNCTION,
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(command, cwd=copied, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    check_packaged([{path.relative_to(artifacts).as_posix() for path in artifacts.rglob("*")}])


def test_the_terraform_files_are_formatted() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform")
    command = ("terraform", "fmt", "-check", "-diff", str(EXAMPLES / "terraform"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


TERRAFORM = EXAMPLES / "terraform" / "main.tf"


def test_the_terraform_file_matches_its_providers_schemas() -> None:
    assert problems(TERRAFORM.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("memory_size ", "memory ", "LambdaFunction takes no memory"),
        ("  authorization_type = ", "  # ", "LambdaFunctionUrl lacks authorization_type"),
        ("identifiers =", "identifier =", "IamPolicyDocumentStatementPrincipals takes no identifier"),
        ("python.arn]", "python.arm]", "aws_lambda_layer_version.python has no arm"),
        ("assume.json", "assumed.json", "there is no data.aws_iam_policy_document.assumed"),
        ("filename                 = var.layer", "filename = var.zip", "there is no var.zip"),
    ],
)
def test_a_terraform_file_that_violates_a_schema_is_reported(before: str, after: str, problem: str) -> None:
    text = TERRAFORM.read_text(encoding="utf-8")
    assert before in text
    assert problem in problems(text.replace(before, after))


def client(fake_aws: FakeAws, service: Any) -> Any:
    return boto3.client(service, REGION, endpoint_url=fake_aws.url)


def test_the_cloudformation_template_creates_a_stack(
    fake_aws: FakeAws, layer_with_packages: Path, tmp_path: Path
) -> None:
    bucket = client(fake_aws, "s3")
    bucket.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    with zipfile.ZipFile(tmp_path / "function.zip", "w") as package:
        package.write(EXAMPLES / "packages" / "function.py", "function.py")
    for name, path in (("layer.zip", layer_with_packages), ("function.zip", tmp_path / "function.zip")):
        bucket.put_object(Bucket="code", Key=name, Body=path.read_bytes())
    stacks = client(fake_aws, "cloudformation")
    stacks.create_stack(
        StackName="orders",
        TemplateBody=(EXAMPLES / "cloudformation" / "template.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": "Bucket", "ParameterValue": "code"}],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = stacks.describe_stacks(StackName="orders")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    functions = client(fake_aws, "lambda")
    function = functions.get_function_configuration(FunctionName=outputs["Function"])
    # moto names the function's layer differently from Lambda, so only its presence is checked.
    assert len(functions.list_layer_versions(LayerName="python314-packages")["LayerVersions"]) == len(
        function["Layers"]
    )
    assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "function.handler")


def test_the_script_deploys_with_the_aws_cli(fake_aws: FakeAws, layer_with_packages: Path) -> None:
    boto3.client("iam", "us-east-1", endpoint_url=fake_aws.url).create_role(
        RoleName="lambda", AssumeRolePolicyDocument="{}"
    )
    own_programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{own_programs}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": fake_aws.url,
        "AWS_DEFAULT_REGION": REGION,
        "PACKAGE_FUNCTION": PACKAGE_FUNCTION,
    }
    command = (EXAMPLES / "cli" / "deploy.sh", f"arn:aws:iam::{ACCOUNT}:role/lambda", str(layer_with_packages))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    function = client(fake_aws, "lambda").get_function_configuration(FunctionName="orders")
    assert [layer["Arn"] for layer in function["Layers"]] == [done.stdout.strip()]


@pytest.mark.parametrize(
    "file",
    [
        "sam/template.yaml",
        "cloudformation/template.yaml",
        "terraform/main.tf",
        "cdk/app.py",
        "cli/deploy.sh",
        "README.md",
    ],
)
def test_examples_use_the_file_name_that_build_layer_gives(file: str) -> None:
    assert f"{NAME}-packages.zip" in (EXAMPLES / file).read_text(encoding="utf-8")
