"""aws-lambda-powertools: its logger knows the invocation, its validation rejects events."""

import json
from typing import Any

from tools.support.fake_api import ARN, Loop, Run, event

LOGGER = """
from aws_lambda_powertools import Logger
logger = Logger(service="orders", level="INFO")

@logger.inject_lambda_context(log_event=True, correlation_id_path="id")
def handler(event, context):
    logger.append_keys(order=event["id"])
    logger.info("é taken", extra={"n": 1})
    try:
        1 / event["n"]
    except ArithmeticError:
        logger.exception("it failed")
    return event
"""

VALIDATION = """
from aws_lambda_powertools.utilities.validation import validator

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}},
}

@validator(inbound_schema=SCHEMA)
def handler(event, context):
    return event["id"]
"""

PARSER = """
from aws_lambda_powertools.utilities.parser import BaseModel, event_parser

class Order(BaseModel):
    id: int

@event_parser(model=Order)
def handler(event, context):
    return event.id + 1
"""


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_the_logger_writes_json_with_the_invocations_fields(loop: Loop) -> None:
    run = loop(LOGGER, event({"id": "a", "n": 0}), event({"id": "b", "n": 1}, 2))
    assert run.results == [{"id": "a", "n": 0}, {"id": "b", "n": 1}]
    taken = [line for line in lines(run) if line["message"] == "é taken"]
    assert [line["cold_start"] for line in taken] == [True, False]
    assert [line["function_request_id"] for line in taken] == ["request-1", "request-2"]
    assert [line["correlation_id"] for line in taken] == ["a", "b"]
    assert {(line["function_name"], line["function_arn"], line["service"]) for line in taken} == {
        ("orders", ARN, "orders")
    }
    assert [line["xray_trace_id"] for line in taken] == ["1-1", "1-2"]


def test_the_logger_writes_an_exception_on_one_line(loop: Loop) -> None:
    run = loop(LOGGER, event({"id": "a", "n": 0}))
    (failed,) = (line for line in lines(run) if line["message"] == "it failed")
    assert failed["exception_name"] == "ZeroDivisionError"
    assert "Traceback" in failed["exception"]


def test_validation_accepts_a_valid_event_and_rejects_an_invalid_one(loop: Loop) -> None:
    run = loop(VALIDATION, event({"id": 1}), event({"id": "one"}, 2))
    assert run.posts[0].json == 1
    assert run.posts[1].json["errorType"] == "SchemaValidationError"


def test_the_parser_turns_an_event_into_a_model(loop: Loop) -> None:
    assert loop(PARSER, event({"id": 41})).result == 42
