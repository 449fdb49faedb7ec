"""publish-layer against moto's AWS: what is there afterwards, and what is reported."""

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from builder.aws.errors import Preview
from builder.aws.layer_zip import read_layer_zip
from builder.errors import UnknownTarget
from tests.aws.conftest import Workspace, make_layer
from tests.aws.fake_aws import ACCOUNT, FakeAws, Reply, Request
from tests.unit.elf_factory import AARCH64, ElfFile
from tests.unit.fakes import PATIENCE, wait_until
from tools.support.product import PRODUCT, ROOT

EUROPE = ("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "eu-south-1")
MANY = (*EUROPE, "us-east-1", "us-east-2", "us-west-2", "ca-central-1", "sa-east-1", "ap-south-1")
"""More than are published in parallel."""


def recorded(workspace: Workspace) -> Any:
    """What layers.json says of the default product's layer."""
    return workspace.layers()["python313"]["eu-west-3"]["x86_64"][PRODUCT.name][PRODUCT.version]


def arn(region: str, version: int = 1) -> str:
    return f"arn:aws:lambda:{region}:{ACCOUNT}:layer:python313:{version}"


def test_the_built_layer_is_published_to_every_region_with_its_metadata(workspace: Workspace, layer_zip: Path) -> None:
    result = workspace.publish("eu-west-3,us-east-1", "--region=us-west-2", zip_file=layer_zip)
    assert result.code == 0, result.err
    regions = ("eu-west-3", "us-east-1", "us-west-2")
    assert result.out.splitlines() == [f"{region} {arn(region)}" for region in regions]
    product = read_layer_zip(layer_zip)
    for region in regions:
        found = workspace.client("lambda", region).get_layer_version(LayerName="python313", VersionNumber=1)
        assert found["Content"]["CodeSize"] == layer_zip.stat().st_size
        assert found["Content"]["CodeSha256"] == product.code_sha256
        assert found["CompatibleArchitectures"] == ["x86_64"]
        assert found["CompatibleRuntimes"] == ["provided.al2023", "provided.al2"]
        assert found["Description"] == f"{PRODUCT.name} {PRODUCT.version} for x86_64, sha256 {product.sha256[:12]}"
        assert set(found["LicenseInfo"].split(" AND ")) >= {"Python-2.0.1", "Apache-2.0", "BSD-3-Clause", "blessing"}
    assert workspace.layers() == {
        "python313": {
            region: {"x86_64": {PRODUCT.name: {PRODUCT.version: {"arn": arn(region), "sha256": product.sha256}}}}
            for region in regions
        }
    }


def test_regions_are_published_in_parallel_and_no_entry_is_lost(workspace: Workspace) -> None:
    barrier = threading.Barrier(4, timeout=PATIENCE)  # breaks if requests are sequential

    def intercept(request: Request) -> None:
        if request.is_publishing():
            barrier.wait()

    workspace.aws.intercept = intercept
    result = workspace.publish(",".join(MANY))
    assert result.code == 0, result.err
    assert workspace.aws.published_in() == sorted(MANY)
    assert set(workspace.layers()["python313"]) == set(MANY)
    assert [line.split()[0] for line in result.out.splitlines()] == list(MANY)
    assert sorted(line.split()[1] for line in result.err.splitlines()) == sorted(MANY)


def test_an_existing_zip_is_not_published_again(workspace: Workspace) -> None:
    workspace.publish("eu-west-3")
    first = workspace.registry.read_bytes()
    result = workspace.publish("eu-west-3")
    assert (result.code, result.out) == (0, f"eu-west-3 {arn('eu-west-3')}\n")
    assert "already published" in result.err
    assert workspace.aws.published_in() == ["eu-west-3"]
    assert workspace.registry.read_bytes() == first


def test_an_older_version_with_the_same_code_is_found_regardless_of_who_published_it(workspace: Workspace) -> None:
    path = make_layer(workspace.folder / "dist")
    client = workspace.client("lambda", "eu-west-3")
    for content in (b"other", path.read_bytes(), b"another"):
        client.publish_layer_version(LayerName="python313", Content={"ZipFile": content}, Description="by hand")
    result = workspace.publish("eu-west-3")
    assert result.out == f"eu-west-3 {arn('eu-west-3', 2)}\n"
    assert len(workspace.aws.published_in()) == 3
    assert recorded(workspace)["arn"] == arn("eu-west-3", 2)


def test_a_different_zip_becomes_a_new_version_and_replaces_the_entry(workspace: Workspace) -> None:
    workspace.publish("eu-west-3")
    other = make_layer(workspace.folder / "dist", b"another build")
    assert workspace.publish("eu-west-3", zip_file=other).out == f"eu-west-3 {arn('eu-west-3', 2)}\n"
    assert recorded(workspace)["arn"] == arn("eu-west-3", 2)


def test_names_architectures_and_versions_are_recorded_side_by_side(workspace: Workspace) -> None:
    workspace.publish("eu-west-3")
    arm = make_layer(workspace.folder / "dist", b"arm", platform__architecture="arm64")
    workspace.publish("eu-west-3", zip_file=arm)
    newer = make_layer(workspace.folder / "dist", b"newer", product__version="9.9.9")
    workspace.publish("us-east-1", "--name=other", zip_file=newer)
    layers = workspace.layers()
    assert set(layers["python313"]["eu-west-3"]) == {"x86_64", "arm64"}
    assert set(layers["other"]["us-east-1"]["x86_64"][PRODUCT.name]) == {"9.9.9"}
    found = workspace.client("lambda", "eu-west-3").get_layer_version(LayerName="python313", VersionNumber=2)
    assert found["CompatibleArchitectures"] == ["arm64"]


def test_a_dry_run_prints_what_would_happen_and_changes_nothing(workspace: Workspace) -> None:
    workspace.publish("eu-west-3")
    workspace.registry.unlink()
    workspace.aws.requests.clear()
    result = workspace.publish("eu-west-3,us-east-1", "--dry-run", "--public")
    assert result.code == 0
    assert result.out == f"eu-west-3 {arn('eu-west-3')}\nus-east-1 -\n"
    assert re.search(r"eu-west-3 +already published, would be made public", result.err)
    assert re.search(r"us-east-1 +would be published", result.err)
    assert not any(request.writes() for request in workspace.aws.requests)
    assert not workspace.registry.exists()


def policy(workspace: Workspace, region: str) -> list[dict[str, object]]:
    response = workspace.client("lambda", region).get_layer_version_policy(LayerName="python313", VersionNumber=1)
    return list(json.loads(response["Policy"])["Statement"])


def test_public_lets_every_account_use_it_and_is_set_once(workspace: Workspace) -> None:
    for _ in range(2):
        assert workspace.publish("eu-west-3", "--public").code == 0
    (statement,) = policy(workspace, "eu-west-3")
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Allow",
        "*",
        "lambda:GetLayerVersion",
    )


def test_a_layer_is_private_until_public_is_requested(workspace: Workspace) -> None:
    workspace.publish("eu-west-3")
    client = workspace.client("lambda", "eu-west-3")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        policy(workspace, "eu-west-3")
    assert "now public" in workspace.publish("eu-west-3", "--public").err
    assert len(policy(workspace, "eu-west-3")) == 1


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer of 51 MiB."""
    return make_layer(tmp_path_factory.mktemp("large"), bytes(51 << 20))


def test_a_zip_over_the_direct_limit_goes_through_each_regions_bucket_once(workspace: Workspace, large: Path) -> None:
    s3 = workspace.client("s3", "us-east-1")
    for region in ("eu-west-3", "us-west-2"):
        s3.create_bucket(Bucket=f"code-{region}", CreateBucketConfiguration={"LocationConstraint": region})
    bucket = "--s3-bucket=code-{region}"
    dry = workspace.publish("eu-west-3", bucket, "--dry-run", zip_file=large)
    assert "would be published through s3://code-eu-west-3" in dry.err
    assert "Contents" not in s3.list_objects_v2(Bucket="code-eu-west-3")
    result = workspace.publish("eu-west-3,us-west-2", bucket, zip_file=large)
    assert result.code == 0, result.err
    for region in ("eu-west-3", "us-west-2"):
        (found,) = s3.list_objects_v2(Bucket=f"code-{region}")["Contents"]
        assert found["Key"] == f"static-python-layer/{read_layer_zip(large).sha256}.zip"
        version = workspace.client("lambda", region).get_layer_version(LayerName="python313", VersionNumber=1)
        assert version["Content"]["CodeSize"] == large.stat().st_size
    workspace.aws.requests.clear()
    workspace.publish("eu-west-3", bucket, "--name=other", zip_file=large)
    assert not [request for request in workspace.aws.requests if request.path.startswith("/code-") and request.writes()]


def test_a_zip_over_the_direct_limit_without_a_bucket_is_refused_before_any_request(
    workspace: Workspace, large: Path
) -> None:
    result = workspace.publish("eu-west-3", zip_file=large)
    assert result.code == 46
    assert "--s3-bucket" in result.err
    assert workspace.aws.requests == []


def test_a_missing_bucket_is_named(workspace: Workspace, large: Path) -> None:
    result = workspace.publish("eu-west-3", "--s3-bucket=missing", zip_file=large)
    assert result.code == 45
    assert "s3://missing/" in result.err
    assert workspace.aws.published_in() == []


# Errors.


def reject(fake_aws: FakeAws, reply: Reply, *regions: str, times: int = 10**6) -> None:
    """Makes publishing fail in some regions, for a number of times."""
    left = dict.fromkeys(regions, times)

    def intercept(request: Request) -> Reply | None:
        if request.is_publishing() and left.get(request.region, 0):
            left[request.region] -= 1
            return reply
        return None

    fake_aws.intercept = intercept


def test_what_was_published_is_recorded_and_the_next_run_does_the_rest(workspace: Workspace) -> None:
    reject(workspace.aws, (403, "AccessDeniedException"), "us-east-1", "ap-south-1")
    result = workspace.publish("eu-west-3,us-east-1,ap-south-1")
    assert (result.code, result.out) == (47, "")
    assert "Publishing python313 failed in ap-south-1, us-east-1." in result.err
    assert "AccessDeniedException in us-east-1" in result.err
    assert str(workspace.registry) in result.err
    assert set(workspace.layers()["python313"]) == {"eu-west-3"}
    reject(workspace.aws, (403, "AccessDeniedException"))
    workspace.aws.requests.clear()
    result = workspace.publish("eu-west-3,us-east-1,ap-south-1")
    assert result.code == 0
    assert workspace.aws.published_in() == ["ap-south-1", "us-east-1"]
    assert set(workspace.layers()["python313"]) == {"eu-west-3", "us-east-1", "ap-south-1"}


def test_a_version_that_could_not_be_made_public_is_recorded_and_made_public_next_time(workspace: Workspace) -> None:
    workspace.aws.intercept = lambda request: (
        (403, "AccessDeniedException") if request.method == "POST" and request.path.endswith("/policy") else None
    )
    result = workspace.publish("eu-west-3", "--public")
    assert result.code == 41
    assert "AddLayerVersionPermission" in result.err
    assert recorded(workspace)["arn"] == arn("eu-west-3")
    workspace.aws.intercept = lambda _: None
    assert workspace.publish("eu-west-3", "--public").out == f"eu-west-3 {arn('eu-west-3')}\n"
    assert len(policy(workspace, "eu-west-3")) == 1


@pytest.mark.parametrize(
    ("error", "code", "advice"),
    [
        ("ExpiredTokenException", 40, "aws sso login"),
        ("UnrecognizedClientException", 40, "AWS_PROFILE"),
        ("AccessDeniedException", 41, "allow PublishLayerVersion"),
        ("InvalidParameterValueException", 45, "Correct what it names"),
    ],
)
def test_the_same_error_in_every_region_has_its_own_exit_code(
    workspace: Workspace, error: str, code: int, advice: str
) -> None:
    reject(workspace.aws, (403, error), "eu-west-3", "us-east-1")
    result = workspace.publish("eu-west-3,us-east-1")
    assert (result.code, result.out) == (code, "")
    assert re.search(r"^error: .+\n  why: .+\n  do:  .+$", result.err, re.MULTILINE)
    assert error in result.err
    assert advice in result.err
    assert workspace.layers() == {}


def test_throttled_requests_are_retried(workspace: Workspace) -> None:
    reject(workspace.aws, (429, "TooManyRequestsException"), "eu-west-3", times=2)
    result = workspace.publish("eu-west-3")
    assert (result.code, result.out) == (0, f"eu-west-3 {arn('eu-west-3')}\n")
    assert workspace.aws.published_in() == ["eu-west-3"] * 3


def test_persistent_throttling_is_reported(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    reject(workspace.aws, (429, "TooManyRequestsException"), "eu-west-3")
    result = workspace.publish("eu-west-3")
    assert result.code == 43
    assert workspace.aws.published_in() == ["eu-west-3"] * 2


def test_without_credentials_no_request_is_sent(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    result = workspace.publish("eu-west-3")
    assert result.code == 40
    assert "aws sso login" in result.err
    assert workspace.aws.requests == []


def test_a_missing_profile_is_named(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "productoin")
    result = workspace.publish("eu-west-3")
    assert result.code == 40
    assert "productoin" in result.err


def test_an_unknown_region_is_refused_with_suggestions_before_any_request(workspace: Workspace) -> None:
    result = workspace.publish("us-east-1,eu-wset-3")
    assert result.code == 42
    assert "'eu-wset-3'" in result.err
    assert "eu-west-3" in result.err
    assert workspace.aws.requests == []


def test_the_region_may_come_from_the_environment_but_there_must_be_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workspace.publish("").code == 42
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    assert workspace.publish("").out == f"sa-east-1 {arn('sa-east-1')}\n"


def test_an_endpoint_that_does_not_respond_is_reported(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    result = workspace.publish("eu-west-3", "--endpoint-url=http://127.0.0.1:1")
    assert result.code == 44
    assert "http://127.0.0.1:1/" in result.err


@pytest.mark.parametrize("endpoint", ["localhost:5000", "nonsense"])
def test_an_invalid_endpoint_is_reported(workspace: Workspace, endpoint: str) -> None:
    result = workspace.publish("eu-west-3", f"--endpoint-url={endpoint}")
    assert result.code == 44
    assert endpoint in result.err


def test_a_zip_that_does_not_match_its_manifest_is_not_published(workspace: Workspace) -> None:
    path = make_layer(workspace.folder / "dist")
    path.write_bytes(path.read_bytes() + b"!")
    result = workspace.publish("eu-west-3", zip_file=path)
    assert result.code == 30
    assert "not the zip that its manifest describes" in result.err
    assert workspace.aws.requests == []


@pytest.mark.parametrize("text", [None, "", "{}", "[]"])
def test_a_zip_without_a_manifest_is_not_published(workspace: Workspace, text: str | None) -> None:
    path = make_layer(workspace.folder / "dist")
    path.with_suffix(".manifest.json").unlink()
    if text is not None:
        path.with_suffix(".manifest.json").write_text(text, encoding="utf-8")
    result = workspace.publish("eu-west-3", zip_file=path)
    assert result.code == 30
    assert "has no valid manifest" in result.err
    assert workspace.aws.requests == []


def test_a_missing_zip_is_reported(workspace: Workspace) -> None:
    result = workspace.publish("eu-west-3", zip_file=workspace.folder / "no.zip")
    assert result.code == 48
    assert "nox -s build_layer" in result.err


def test_a_layer_over_lambdas_limit_is_refused(workspace: Workspace) -> None:
    path = make_layer(workspace.folder / "dist", zip__unzipped_size=262_144_001)
    result = workspace.publish("eu-west-3", zip_file=path)
    assert result.code == 46
    assert "262,144,001" in result.err
    assert workspace.aws.requests == []


def test_nothing_is_published_if_it_cannot_be_recorded(workspace: Workspace) -> None:
    result = workspace.publish("us-east-1", "--record=/proc/version/layers.json")
    assert result.code == 18
    assert "--record" in result.err
    assert not any(request.writes() for request in workspace.aws.requests)


@pytest.mark.parametrize("text", ["{}", "layers", "[1]", ""])
def test_a_file_that_is_not_a_registry_is_not_overwritten(workspace: Workspace, text: str) -> None:
    path = make_layer(workspace.folder / "dist")
    workspace.registry.write_text(text, encoding="utf-8")
    result = workspace.publish("us-east-1", zip_file=path)
    assert result.code == 30
    assert workspace.registry.read_text(encoding="utf-8") == text
    assert workspace.aws.requests == []


def test_several_products_are_refused(workspace: Workspace) -> None:
    done = workspace.run("publish-layer", "--name=several", "--region=eu-west-1", "--product=cpython-*")
    assert (done.code, done.out) == (UnknownTarget.exit_code, "")
    assert "This takes one product, and " in done.err


def test_a_preview_is_published_only_if_that_is_said(workspace: Workspace) -> None:
    path = make_layer(workspace.folder / "dist", product__version="3.15.0rc1")
    refused = workspace.publish("eu-west-3", zip_file=path)
    assert (refused.code, refused.out) == (Preview.exit_code, "")
    assert f"{path.name} is a preview." in refused.err
    assert workspace.aws.requests == []
    assert workspace.publish("eu-west-3", "--preview", zip_file=path).code == 0
    assert workspace.aws.published_in() == ["eu-west-3"]


def is_pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal was sent to a process that the process has not got yet."""
    status = Path("/proc", str(pid), "status").read_text(encoding="ascii")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    return any(int(fields[name], 16) >> (number - 1) & 1 for name in ("SigPnd", "ShdPnd"))


def test_an_interrupted_run_records_what_was_in_progress(workspace: Workspace) -> None:
    received = threading.Event()
    resume = threading.Event()

    def intercept(request: Request) -> None:
        if request.is_publishing():
            received.set()
            resume.wait(PATIENCE)

    workspace.aws.intercept = intercept
    path = make_layer(workspace.folder / "dist")
    command = (
        sys.executable,
        "-m",
        "builder.aws",
        "publish-layer",
        "--name=python313",
        f"--zip={path}",
        "--region=eu-west-3",
    )
    options = (f"--endpoint-url={workspace.aws.url}", f"--record={workspace.registry}")
    process = subprocess.Popen((*command, *options), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert received.wait(PATIENCE)
    process.terminate()
    wait_until(lambda: not is_pending(process.pid, signal.SIGTERM))  # it must arrive before the response
    resume.set()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert recorded(workspace)["arn"] == arn("eu-west-3")


def test_a_zip_for_another_architecture_than_its_manifest_says_is_refused(workspace: Workspace) -> None:
    path = make_layer(workspace.folder / "dist", ElfFile(machine=AARCH64).content())
    result = workspace.publish("eu-west-3", zip_file=path)
    assert result.code == 30
    assert f"{path} is not for x86_64, although its manifest says so." in result.err
    assert "For another architecture: bootstrap." in result.err
    assert workspace.aws.requests == []
