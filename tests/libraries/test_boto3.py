"""boto3: clients, and calls to S3 as moto's server plays it."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.fake_api import SAFETY_NET, Loop, event

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
    """A server that plays AWS; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as output:
        command = (str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port))
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + SAFETY_NET
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text("utf-8")
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8"))


def test_objects_go_to_s3_and_come_back(loop: Loop, moto: str) -> None:
    loop.variables["S3"] = moto
    run = loop(FUNCTION, *(event({"number": number}, number) for number in (1, 2)))
    assert run.results == [[["é/1"], 100_000], [["é/1", "é/2"], 100_000]]


def test_clients_of_many_services_can_be_made(loop: Loop) -> None:
    assert loop(CLIENTS).result == ["eu-west-3"] * 9
