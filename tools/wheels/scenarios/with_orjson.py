"""Writes and reads JSON with dates, data classes, numpy's arrays, and text beyond ASCII."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import orjson


@dataclass
class Point:
    x: float
    y: float


value = {"text": "é😀\u2028", "numbers": [0, -1, 2**53, 1e-300, 0.1], "none": None, "deep": {"a": [True, {}]}}
assert json.loads(orjson.dumps(value)) == value == orjson.loads(json.dumps(value))

special = {
    "when": datetime(2024, 2, 29, tzinfo=UTC),
    "id": uuid.UUID(int=1),
    "point": Point(1.5, 2),
    "array": np.arange(3),
}
assert orjson.loads(orjson.dumps(special, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)) == {
    "when": "2024-02-29T00:00:00Z",
    "id": "00000000-0000-0000-0000-000000000001",
    "point": {"x": 1.5, "y": 2},
    "array": [0, 1, 2],
}
try:
    orjson.loads('{"a": 1,}')
except orjson.JSONDecodeError as error:
    assert isinstance(error, json.JSONDecodeError)
else:
    raise AssertionError("a comma too many was read")
