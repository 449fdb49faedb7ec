"""examples/: the functions run on the layer, the templates are what their tools and AWS take."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.aws.fake_aws import ACCOUNT, Cloud
from tests.examples.conftest import EXAMPLES
from tests.examples.terraform import problems
from tools.support.product import ROOT, TARGET

REGION = "eu-west-3"


def invoke(layer: Path, example: str, event: str | None = None) -> "subprocess.CompletedProcess[str]":
    folder = EXAMPLES / example
    words = ("--in=host", f"--zip={layer}", f"--source={folder}", "--handler=function.handler", "--event=-")
    given = (folder / "event.json").read_text(encoding="utf-8") if event is None else event
    command = (sys.executable, "-m", "builder", "invoke", *words)
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False)


def test_the_function_with_a_package_takes_it_from_the_layer(layer_with_packages: Path) -> None:
    done = invoke(layer_with_packages, "packages")
    assert (done.returncode, done.stdout) == (0, '{"item": "tea", "count": 3}\n'), done.stderr
    done = invoke(layer_with_packages, "packages", '{"item": "tea", "count": 0}')
    assert (done.returncode, "greater than 0" in done.stdout) == (33, True)


def test_the_streaming_function_gives_all_its_lines(layer_zip: Path) -> None:
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
def test_cfn_lint_has_nothing_to_say_of_a_template(name: str) -> None:
    lint(EXAMPLES / name / "template.yaml")


def test_cfn_lint_would_have(tmp_path: Path) -> None:
    text = (EXAMPLES / "cloudformation" / "template.yaml").read_text(encoding="utf-8")
    (tmp_path / "template.yaml").write_text(text.replace("Runtime: provided.al2023", "Runtime: python2.6"), "utf-8")
    with pytest.raises(AssertionError, match=r"python2\.6"):
        lint(tmp_path / "template.yaml")


def test_the_cdk_synthesises_what_cfn_lint_takes(layer_with_packages: Path, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("the CDK runs on Node.js")
    context = json.dumps({"layer": str(layer_with_packages)})
    environment = {**os.environ, "CDK_OUTDIR": str(tmp_path), "CDK_CONTEXT_JSON": context, "TMPDIR": str(tmp_path)}
    command = (sys.executable, "-W", "ignore", str(EXAMPLES / "cdk" / "app.py"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    template = tmp_path / "Python313.template.json"
    lint(template, "--ignore-checks=W3005")  # it says twice that a function comes after its role
    resources = json.loads(template.read_text(encoding="utf-8"))["Resources"].values()
    kinds = sorted(found["Type"].removeprefix("AWS::Lambda::") for found in resources if "Lambda" in found["Type"])
    assert kinds == ["Function", "Function", "LayerVersion", "Url"]
    (url,) = (found["Properties"] for found in resources if found["Type"] == "AWS::Lambda::Url")
    assert url["InvokeMode"] == "RESPONSE_STREAM"


def test_the_terraform_files_have_the_form_that_terraform_gives_them() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform")
    command = ("terraform", "fmt", "-check", "-diff", str(EXAMPLES / "terraform"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


TERRAFORM = EXAMPLES / "terraform" / "main.tf"


def test_the_terraform_file_is_what_its_providers_take() -> None:
    assert problems(TERRAFORM.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("memory_size ", "memory ", "LambdaFunction takes no memory"),
        ("  authorization_type = ", "  # ", "LambdaFunctionUrl lacks authorization_type"),
        ("identifiers =", "identifier =", "IamPolicyDocumentStatementPrincipals takes no identifier"),
        ("python.arn]", "python.arm]", "aws_lambda_layer_version.python has no arm"),
        ("assume.json", "assumed.json", "there is no data.aws_iam_policy_document.assumed"),
        ("filename                 = var.layer", "filename = var.zip", "there is no var.zip"),
    ],
)
def test_the_providers_would_not_take_another_one(before: str, after: str, told: str) -> None:
    text = TERRAFORM.read_text(encoding="utf-8")
    assert before in text
    assert told in problems(text.replace(before, after))


def client(cloud: Cloud, service: Any) -> Any:
    return boto3.client(service, REGION, endpoint_url=cloud.url)


def test_the_cloudformation_template_becomes_a_stack(cloud: Cloud, layer_with_packages: Path, tmp_path: Path) -> None:
    bucket = client(cloud, "s3")
    bucket.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    with zipfile.ZipFile(tmp_path / "function.zip", "w") as package:
        package.write(EXAMPLES / "packages" / "function.py", "function.py")
    for name, path in (("layer.zip", layer_with_packages), ("function.zip", tmp_path / "function.zip")):
        bucket.put_object(Bucket="code", Key=name, Body=path.read_bytes())
    stacks = client(cloud, "cloudformation")
    stacks.create_stack(
        StackName="orders",
        TemplateBody=(EXAMPLES / "cloudformation" / "template.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": "Bucket", "ParameterValue": "code"}],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = stacks.describe_stacks(StackName="orders")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    made = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    functions = client(cloud, "lambda")
    function = functions.get_function_configuration(FunctionName=made["Function"])
    # moto hands the function another name for the layer than Lambda does: that it is there must do.
    assert len(functions.list_layer_versions(LayerName="python313-packages")["LayerVersions"]) == len(
        function["Layers"]
    )
    assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "function.handler")


def test_the_script_deploys_with_the_aws_command_line(cloud: Cloud, layer_with_packages: Path) -> None:
    boto3.client("iam", "us-east-1", endpoint_url=cloud.url).create_role(
        RoleName="lambda", AssumeRolePolicyDocument="{}"
    )
    own = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{own}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_DEFAULT_REGION": REGION,
    }
    command = (EXAMPLES / "cli" / "deploy.sh", f"arn:aws:iam::{ACCOUNT}:role/lambda", str(layer_with_packages))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    function = client(cloud, "lambda").get_function_configuration(FunctionName="orders")
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
def test_the_layer_is_called_as_build_layer_calls_it(file: str) -> None:
    assert f"{TARGET.name}-packages.zip" in (EXAMPLES / file).read_text(encoding="utf-8")
