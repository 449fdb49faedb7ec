"""boto3: clients, and calls to moto's S3."""

from collections.abc import Iterator

import pytest

from tests.moto import moto_server
from tools.support.fake_api import Loop, event

FUNCTION = """
import os
import boto3
s3 = boto3.client("s3", endpoint_url=os.environ["S3"])

def handler(event, context):
    if event["number"] == 1:
        s3.create_bucket(Bucket="orders", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    s3.put_object(Bucket="orders", Key="é/%d" % event["number"], Body=b"x" * 100_000)
    found = s3.list_objects_v2(Bucket="orders")["Contents"]
    body = s3.get_object(Bucket="orders", Key="é/1")["Body"].read()
    return [[item["Key"] for item in found], len(body)]
"""

CLIENTS = """
import boto3
def handler(event, context):
    names = ("s3", "dynamodb", "sqs", "sns", "sts", "ssm", "secretsmanager", "lambda", "events")
    return [boto3.client(name).meta.region_name for name in names]
"""


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


def test_objects_are_stored_in_s3_and_read_back(loop: Loop, moto: str) -> None:
    loop.variables["S3"] = moto
    run = loop(FUNCTION, *(event({"number": number}, number) for number in (1, 2)))
    assert run.results == [[["é/1"], 100_000], [["é/1", "é/2"], 100_000]]


def test_clients_for_many_services_can_be_created(loop: Loop) -> None:
    assert loop(CLIENTS).result == ["eu-west-3"] * 9
