"""Durable functions: their SDK on the loop under AWS's emulator, with its testing package as Lambda's side of them.

That sends the events of an execution to the emulator, and takes the checkpoints that the function sends by boto3.
"""

import contextlib
import http.client
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.layer.emulator import emulator, running
from tests.unit.fakes import PATIENCE, held_ports, wait_for_port, wait_until
from tools.support.product import Layer

FUNCTION = """
from aws_durable_execution_sdk_python import durable_execution, durable_step
from aws_durable_execution_sdk_python.config import Duration

@durable_step
def reserve(step, item):
    print(f"reserving {item}\\n", end="")  # in one write: those of two threads may mix
    return {"reserved": item}

@durable_execution
def handler(event, context):
    print("running")
    first = context.step(reserve(event["item"]))
    context.wait(Duration.from_seconds(3600))
    others = context.map(event["others"], lambda child, item, *_: child.step(reserve(item)))
    return [first, others.get_results(), context.lambda_context.aws_request_id != ""]
"""
COMMAND = ("-m", "aws_durable_execution_sdk_python_testing.cli", "start-server", "--skip-time", "--host=127.0.0.1")
SETTINGS = {"AWS_DEFAULT_REGION": "eu-west-3", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@dataclass(frozen=True)
class Executions:
    """Lambda's side of durable functions, and the log of the one that it invokes."""

    port: int
    log: Path

    def run(self, event: object) -> dict[str, Any]:
        """Starts an execution, and tells how it ended."""
        wanted = {
            "AccountId": "123456789012",
            "FunctionName": "function",
            "FunctionQualifier": "$LATEST",
            "ExecutionName": "one",
            "ExecutionTimeoutSeconds": 7200,
            "ExecutionRetentionPeriodDays": 1,
            "Input": json.dumps(event),
        }
        arn = self._ask("POST", "/start-durable-execution", json.dumps(wanted))["ExecutionArn"]
        path = f"/2025-12-01/durable-executions/{quote(arn, safe='')}"
        wait_until(lambda: self._ask("GET", path)["Status"] != "RUNNING")
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status < 300, text
        return dict(json.loads(text))


@pytest.fixture(scope="module")
def executions(layer: Layer, libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executions]:
    folder = tmp_path_factory.mktemp("durable")
    (folder / "task").mkdir()
    (folder / "task" / "function.py").write_text(FUNCTION, "utf-8")
    log = folder / "executions.log"
    environment = {**SETTINGS, "PYTHONPATH": str(libraries)}
    with held_ports(1) as (port,), log.open("wb") as output:
        variables = environment | {"AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{port}"}
        with running(layer, emulator(folder), folder / "task", "function.handler", variables) as function:
            lambda_endpoint = f"http://127.0.0.1:{function.port}"
            command = (str(layer.python), *COMMAND, f"--port={port}", f"--lambda-endpoint={lambda_endpoint}")
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
            try:
                wait_for_port(port, process, log)
                yield Executions(port, function.log)
            finally:
                process.terminate()
                process.wait()


def test_an_execution_waits_and_repeats_no_step(executions: Executions) -> None:
    """Each invocation runs the function from its beginning; what has a checkpoint is not done again."""
    ended = executions.run({"item": "tea", "others": ["milk", "sugar"]})
    assert ended["Status"] == "SUCCEEDED", ended
    assert json.loads(ended["Result"]) == [{"reserved": "tea"}, [{"reserved": "milk"}, {"reserved": "sugar"}], True]
    log = executions.log.read_text("utf-8")
    assert log.count("running") >= 2
    assert [log.count(f"reserving {item}") for item in ("tea", "milk", "sugar")] == [1, 1, 1]


def test_an_execution_that_fails_says_why(executions: Executions) -> None:
    ended = executions.run({"item": "tea"})
    assert ended["Status"] == "FAILED"
    assert ended["Error"]["ErrorType"] == "KeyError"
    assert ended["Error"]["ErrorMessage"] == "'others'"
