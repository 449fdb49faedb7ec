"""publish-layer against AWS as moto's server plays it: what stands there afterwards, and what a person is told."""

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from builder.aws.product import read_product
from tests.aws.conftest import Workplace, a_layer
from tests.aws.fake_aws import ACCOUNT, Cloud, Refusal, Request
from tests.unit.elf_factory import AARCH64, ElfFile
from tools.support.product import ROOT

EUROPE = ("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "eu-south-1")
MANY = (*EUROPE, "us-east-1", "us-east-2", "us-west-2", "ca-central-1", "sa-east-1", "ap-south-1")
"""More than are published at once."""


def arn(region: str, version: int = 1) -> str:
    return f"arn:aws:lambda:{region}:{ACCOUNT}:layer:python313:{version}"


def test_the_built_layer_stands_in_every_region_with_all_that_is_said_of_it(
    workplace: Workplace, layer_zip: Path
) -> None:
    said = workplace.publish("eu-west-3,us-east-1", "--region=us-west-2", zip_file=layer_zip)
    assert said.code == 0, said.err
    regions = ("eu-west-3", "us-east-1", "us-west-2")
    assert said.out.splitlines() == [f"{region} {arn(region)}" for region in regions]
    product = read_product(layer_zip)
    for region in regions:
        found = workplace.client("lambda", region).get_layer_version(LayerName="python313", VersionNumber=1)
        assert found["Content"]["CodeSize"] == layer_zip.stat().st_size
        assert found["Content"]["CodeSha256"] == product.code_sha256
        assert found["CompatibleArchitectures"] == ["x86_64"]
        assert found["CompatibleRuntimes"] == ["provided.al2023", "provided.al2"]
        assert found["Description"] == f"CPython 3.13.15 for x86_64, sha256 {product.sha256[:12]}"
        assert re.fullmatch(r"Python-2\.0\.1 AND Apache-2\.0 AND .*BSD-3-Clause", found["LicenseInfo"])
    assert workplace.layers() == {
        "python313": {
            region: {"x86_64": {"3.13.15": {"arn": arn(region), "sha256": product.sha256}}} for region in regions
        }
    }


def test_many_regions_get_it_at_once_and_no_note_is_lost(workplace: Workplace) -> None:
    together = threading.Barrier(4, timeout=30)  # breaks if requests came one after the other

    def gate(request: Request) -> None:
        if request.is_publishing():
            together.wait()

    workplace.cloud.gate = gate
    said = workplace.publish(",".join(MANY))
    assert said.code == 0, said.err
    assert workplace.cloud.published_in() == sorted(MANY)
    assert set(workplace.layers()["python313"]) == set(MANY)
    assert [line.split()[0] for line in said.out.splitlines()] == list(MANY)
    assert sorted(line.split()[1] for line in said.err.splitlines()) == sorted(MANY)


def test_a_zip_that_is_there_is_not_published_again(workplace: Workplace) -> None:
    workplace.publish("eu-west-3")
    first = workplace.record.read_bytes()
    said = workplace.publish("eu-west-3")
    assert (said.code, said.out) == (0, f"eu-west-3 {arn('eu-west-3')}\n")
    assert "is there already" in said.err
    assert workplace.cloud.published_in() == ["eu-west-3"]
    assert workplace.record.read_bytes() == first


def test_an_older_version_with_the_same_code_is_found_whoever_published_it(workplace: Workplace) -> None:
    path = a_layer(workplace.folder / "dist")
    client = workplace.client("lambda", "eu-west-3")
    for content in (b"other", path.read_bytes(), b"another"):
        client.publish_layer_version(LayerName="python313", Content={"ZipFile": content}, Description="by hand")
    said = workplace.publish("eu-west-3")
    assert said.out == f"eu-west-3 {arn('eu-west-3', 2)}\n"
    assert len(workplace.cloud.published_in()) == 3
    assert workplace.layers()["python313"]["eu-west-3"]["x86_64"]["3.13.15"]["arn"] == arn("eu-west-3", 2)


def test_another_zip_is_another_version_and_replaces_the_note(workplace: Workplace) -> None:
    workplace.publish("eu-west-3")
    other = a_layer(workplace.folder / "dist", b"another build")
    assert workplace.publish("eu-west-3", zip_file=other).out == f"eu-west-3 {arn('eu-west-3', 2)}\n"
    assert workplace.layers()["python313"]["eu-west-3"]["x86_64"]["3.13.15"]["arn"] == arn("eu-west-3", 2)


def test_names_architectures_and_versions_are_recorded_side_by_side(workplace: Workplace) -> None:
    workplace.publish("eu-west-3")
    arm = a_layer(workplace.folder / "dist", b"arm", target__architecture="arm64")
    workplace.publish("eu-west-3", zip_file=arm)
    newer = a_layer(workplace.folder / "dist", b"newer", target__python="3.13.16")
    workplace.publish("us-east-1", "--name=other", zip_file=newer)
    layers = workplace.layers()
    assert set(layers["python313"]["eu-west-3"]) == {"x86_64", "arm64"}
    assert set(layers["other"]["us-east-1"]["x86_64"]) == {"3.13.16"}
    found = workplace.client("lambda", "eu-west-3").get_layer_version(LayerName="python313", VersionNumber=2)
    assert found["CompatibleArchitectures"] == ["arm64"]


def test_a_dry_run_tells_what_would_happen_and_changes_nothing(workplace: Workplace) -> None:
    workplace.publish("eu-west-3")
    workplace.record.unlink()
    workplace.cloud.requests.clear()
    said = workplace.publish("eu-west-3,us-east-1", "--dry-run", "--public")
    assert said.code == 0
    assert said.out == f"eu-west-3 {arn('eu-west-3')}\nus-east-1 -\n"
    assert re.search(r"eu-west-3 +is there already, would be made public", said.err)
    assert re.search(r"us-east-1 +would be published", said.err)
    assert not any(request.writes() for request in workplace.cloud.requests)
    assert not workplace.record.exists()


def policy(workplace: Workplace, region: str) -> list[dict[str, object]]:
    answer = workplace.client("lambda", region).get_layer_version_policy(LayerName="python313", VersionNumber=1)
    return list(json.loads(answer["Policy"])["Statement"])


def test_public_lets_everybody_use_it_and_is_set_once(workplace: Workplace) -> None:
    for _ in range(2):
        assert workplace.publish("eu-west-3", "--public").code == 0
    (statement,) = policy(workplace, "eu-west-3")
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Allow",
        "*",
        "lambda:GetLayerVersion",
    )


def test_a_layer_is_private_until_public_is_asked_for(workplace: Workplace) -> None:
    workplace.publish("eu-west-3")
    client = workplace.client("lambda", "eu-west-3")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        policy(workplace, "eu-west-3")
    assert "now public" in workplace.publish("eu-west-3", "--public").err
    assert len(policy(workplace, "eu-west-3")) == 1


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer of 51 MiB."""
    return a_layer(tmp_path_factory.mktemp("large"), bytes(51 << 20))


def test_a_zip_over_the_direct_limit_goes_through_each_regions_bucket_once(workplace: Workplace, large: Path) -> None:
    s3 = workplace.client("s3", "us-east-1")
    for region in ("eu-west-3", "us-west-2"):
        s3.create_bucket(Bucket=f"code-{region}", CreateBucketConfiguration={"LocationConstraint": region})
    bucket = "--s3-bucket=code-{region}"
    dry = workplace.publish("eu-west-3", bucket, "--dry-run", zip_file=large)
    assert "would be published through s3://code-eu-west-3" in dry.err
    assert "Contents" not in s3.list_objects_v2(Bucket="code-eu-west-3")
    said = workplace.publish("eu-west-3,us-west-2", bucket, zip_file=large)
    assert said.code == 0, said.err
    for region in ("eu-west-3", "us-west-2"):
        (found,) = s3.list_objects_v2(Bucket=f"code-{region}")["Contents"]
        assert found["Key"] == f"static-python-layer/{read_product(large).sha256}.zip"
        version = workplace.client("lambda", region).get_layer_version(LayerName="python313", VersionNumber=1)
        assert version["Content"]["CodeSize"] == large.stat().st_size
    workplace.cloud.requests.clear()
    workplace.publish("eu-west-3", bucket, "--name=other", zip_file=large)
    assert not [
        request for request in workplace.cloud.requests if request.path.startswith("/code-") and request.writes()
    ]


def test_a_zip_over_the_direct_limit_without_a_bucket_is_refused_before_anything(
    workplace: Workplace, large: Path
) -> None:
    said = workplace.publish("eu-west-3", zip_file=large)
    assert said.code == 46
    assert "--s3-bucket" in said.err
    assert workplace.cloud.requests == []


def test_a_bucket_that_is_not_there_is_named(workplace: Workplace, large: Path) -> None:
    said = workplace.publish("eu-west-3", "--s3-bucket=nobodys", zip_file=large)
    assert said.code == 45
    assert "s3://nobodys/" in said.err
    assert workplace.cloud.published_in() == []


# What goes wrong.


def refuse(cloud: Cloud, refusal: Refusal, *regions: str, times: int = 10**6) -> None:
    """Lets publishing fail in some regions, for so many times."""
    left = dict.fromkeys(regions, times)

    def gate(request: Request) -> Refusal | None:
        if request.is_publishing() and left.get(request.region, 0):
            left[request.region] -= 1
            return refusal
        return None

    cloud.gate = gate


def test_what_was_published_is_recorded_and_the_next_run_does_the_rest(workplace: Workplace) -> None:
    refuse(workplace.cloud, (403, "AccessDeniedException"), "us-east-1", "ap-south-1")
    said = workplace.publish("eu-west-3,us-east-1,ap-south-1")
    assert (said.code, said.out) == (47, "")
    assert "python313 is not where it should be in ap-south-1, us-east-1." in said.err
    assert "AccessDeniedException in us-east-1" in said.err
    assert str(workplace.record) in said.err
    assert set(workplace.layers()["python313"]) == {"eu-west-3"}
    refuse(workplace.cloud, (403, "AccessDeniedException"))
    workplace.cloud.requests.clear()
    said = workplace.publish("eu-west-3,us-east-1,ap-south-1")
    assert said.code == 0
    assert workplace.cloud.published_in() == ["ap-south-1", "us-east-1"]
    assert set(workplace.layers()["python313"]) == {"eu-west-3", "us-east-1", "ap-south-1"}


def test_a_version_that_could_not_be_made_public_is_recorded_and_made_public_next_time(workplace: Workplace) -> None:
    workplace.cloud.gate = lambda request: (
        (403, "AccessDeniedException") if request.method == "POST" and request.path.endswith("/policy") else None
    )
    said = workplace.publish("eu-west-3", "--public")
    assert said.code == 41
    assert "AddLayerVersionPermission" in said.err
    assert workplace.layers()["python313"]["eu-west-3"]["x86_64"]["3.13.15"]["arn"] == arn("eu-west-3")
    workplace.cloud.gate = lambda _: None
    assert workplace.publish("eu-west-3", "--public").out == f"eu-west-3 {arn('eu-west-3')}\n"
    assert len(policy(workplace, "eu-west-3")) == 1


@pytest.mark.parametrize(
    ("refusal", "code", "advice"),
    [
        ("ExpiredTokenException", 40, "aws sso login"),
        ("UnrecognizedClientException", 40, "AWS_PROFILE"),
        ("AccessDeniedException", 41, "allow PublishLayerVersion"),
        ("InvalidParameterValueException", 45, "Correct what it names"),
    ],
)
def test_a_refusal_everywhere_is_told_with_a_code_of_its_own(
    workplace: Workplace, refusal: str, code: int, advice: str
) -> None:
    refuse(workplace.cloud, (403, refusal), "eu-west-3", "us-east-1")
    said = workplace.publish("eu-west-3,us-east-1")
    assert (said.code, said.out) == (code, "")
    assert re.search(r"^error: .+\n  why: .+\n  do:  .+$", said.err, re.MULTILINE)
    assert refusal in said.err
    assert advice in said.err
    assert workplace.layers() == {}


def test_throttled_requests_are_made_again(workplace: Workplace) -> None:
    refuse(workplace.cloud, (429, "TooManyRequestsException"), "eu-west-3", times=2)
    said = workplace.publish("eu-west-3")
    assert (said.code, said.out) == (0, f"eu-west-3 {arn('eu-west-3')}\n")
    assert workplace.cloud.published_in() == ["eu-west-3"] * 3


def test_throttling_that_does_not_end_is_told(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    refuse(workplace.cloud, (429, "TooManyRequestsException"), "eu-west-3")
    said = workplace.publish("eu-west-3")
    assert said.code == 43
    assert workplace.cloud.published_in() == ["eu-west-3"] * 2


def test_without_credentials_nothing_is_asked(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = workplace.publish("eu-west-3")
    assert said.code == 40
    assert "aws sso login" in said.err
    assert workplace.cloud.requests == []


def test_a_profile_that_is_not_there_is_named(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "productoin")
    said = workplace.publish("eu-west-3")
    assert said.code == 40
    assert "productoin" in said.err


def test_a_region_that_does_not_exist_is_refused_with_its_neighbours_before_anything(workplace: Workplace) -> None:
    said = workplace.publish("us-east-1,eu-wset-3")
    assert said.code == 42
    assert "'eu-wset-3'" in said.err
    assert "eu-west-3" in said.err
    assert workplace.cloud.requests == []


def test_the_region_of_the_environment_will_do_and_none_at_all_is_told(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workplace.publish("").code == 42
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    assert workplace.publish("").out == f"sa-east-1 {arn('sa-east-1')}\n"


def test_an_endpoint_that_does_not_answer_is_told(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    said = workplace.publish("eu-west-3", "--endpoint-url=http://127.0.0.1:1")
    assert said.code == 44
    assert "http://127.0.0.1:1/" in said.err


@pytest.mark.parametrize("endpoint", ["localhost:5000", "nonsense"])
def test_what_is_no_endpoint_is_told(workplace: Workplace, endpoint: str) -> None:
    said = workplace.publish("eu-west-3", f"--endpoint-url={endpoint}")
    assert said.code == 44
    assert endpoint in said.err


def test_a_zip_that_changed_since_its_manifest_is_not_published(workplace: Workplace) -> None:
    path = a_layer(workplace.folder / "dist")
    path.write_bytes(path.read_bytes() + b"!")
    said = workplace.publish("eu-west-3", zip_file=path)
    assert said.code == 30
    assert "not the zip that its manifest describes" in said.err
    assert workplace.cloud.requests == []


@pytest.mark.parametrize("text", [None, "", "{}", "[]"])
def test_a_zip_without_a_manifest_is_not_published(workplace: Workplace, text: str | None) -> None:
    path = a_layer(workplace.folder / "dist")
    path.with_suffix(".manifest.json").unlink()
    if text is not None:
        path.with_suffix(".manifest.json").write_text(text, encoding="utf-8")
    said = workplace.publish("eu-west-3", zip_file=path)
    assert said.code == 30
    assert "Nothing says what" in said.err
    assert workplace.cloud.requests == []


def test_no_zip_at_all_is_told(workplace: Workplace) -> None:
    said = workplace.publish("eu-west-3", zip_file=workplace.folder / "no.zip")
    assert said.code == 48
    assert "nox -s build_layer" in said.err


def test_a_layer_over_lambdas_limit_is_refused(workplace: Workplace) -> None:
    path = a_layer(workplace.folder / "dist", zip__unzipped_size=262_144_001)
    said = workplace.publish("eu-west-3", zip_file=path)
    assert said.code == 46
    assert "262,144,001" in said.err
    assert workplace.cloud.requests == []


def test_where_nothing_can_be_recorded_nothing_is_published(workplace: Workplace) -> None:
    said = workplace.publish("us-east-1", "--record=/sys/layers.json")
    assert said.code == 18
    assert "--record" in said.err
    assert not any(request.writes() for request in workplace.cloud.requests)


@pytest.mark.parametrize("text", ["{}", "layers", "[1]", ""])
def test_a_record_that_is_none_is_not_written_over(workplace: Workplace, text: str) -> None:
    path = a_layer(workplace.folder / "dist")
    workplace.record.write_text(text, encoding="utf-8")
    said = workplace.publish("us-east-1", zip_file=path)
    assert said.code == 30
    assert workplace.record.read_text(encoding="utf-8") == text
    assert workplace.cloud.requests == []


def test_whoever_stops_it_finds_recorded_what_was_under_way(workplace: Workplace) -> None:
    asked = threading.Event()
    go_on = threading.Event()

    def gate(request: Request) -> None:
        if request.is_publishing():
            asked.set()
            go_on.wait(30)

    workplace.cloud.gate = gate
    path = a_layer(workplace.folder / "dist")
    command = (
        sys.executable,
        "-m",
        "builder.aws",
        "publish-layer",
        "--name=python313",
        f"--zip={path}",
        "--region=eu-west-3",
    )
    where = (f"--endpoint-url={workplace.cloud.url}", f"--record={workplace.record}")
    process = subprocess.Popen((*command, *where), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert asked.wait(60)
    process.terminate()
    time.sleep(0.3)  # The signal is to come before the answer; nothing tells from outside that it has.
    go_on.set()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert workplace.layers()["python313"]["eu-west-3"]["x86_64"]["3.13.15"]["arn"] == arn("eu-west-3")


def test_a_zip_for_another_architecture_than_its_manifest_says_is_refused(workplace: Workplace) -> None:
    path = a_layer(workplace.folder / "dist", ElfFile(machine=AARCH64).content())
    said = workplace.publish("eu-west-3", zip_file=path)
    assert said.code == 30
    assert f"{path} is not for x86_64, as its manifest says." in said.err
    assert "For another processor: bootstrap." in said.err
    assert workplace.cloud.requests == []
