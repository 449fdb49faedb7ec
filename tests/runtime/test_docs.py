"""The examples of docs/runtime.md, run."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from builder import ROOT
from tools.support.fake_api import Loop, Run, event

PAGE = ROOT / "docs" / "runtime.md"
REQUEST = "b3c1e0a4-5d6f-4c3e-9a51-2f0c7d1e8b90"
FENCE = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HANDLER = re.compile(r"# Handler: (\S+)\n")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?")
SIGTERM = 15


@dataclass
class Example:
    """A function, and blocks that say what goes in and what comes out."""

    line: int
    code: str
    blocks: dict[str, str] = field(default_factory=dict)


def examples() -> Iterator[Example]:
    text = PAGE.read_text("utf-8")
    example: Example | None = None
    for match in FENCE.finditer(text):
        language, role, body = match.groups()
        if language == "python":
            if example:
                yield example
            example = Example(text.count("\n", 0, match.start()) + 1, body)
        elif role:
            assert example is not None
            assert role not in example.blocks
            example.blocks[role] = body
    if example:
        yield example


EXAMPLES = list(examples())


def test_the_page_has_an_example_for_every_subject() -> None:
    roles = [role for example in EXAMPLES for role in example.blocks]
    assert len(EXAMPLES) >= 10
    assert set(roles) == {"environment", "event", "result", "prelude", "body", "log"}
    assert roles.count("event") == len(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"line {example.line}")
def test_the_example_does_what_the_page_says(loop: Loop, example: Example) -> None:
    blocks = example.blocks
    loop.variables |= dict(line.split("=") for line in blocks.get("environment", "").splitlines())
    handler = HANDLER.match(example.code)
    assert handler
    run = loop(
        example.code,
        event(json.loads(blocks["event"]), aws_request_id=REQUEST),
        handler=handler[1],
        signal=SIGTERM if "LAMBDA_GRACEFUL_SHUTDOWN" in loop.variables else None,
    )
    assert run.stderr == ""
    assert logged(loop, run) == STAMP.sub("NOW", blocks.get("log", ""))
    if "result" in blocks:
        assert run.result == json.loads(blocks["result"])
    if "body" in blocks:
        prelude, _, body = run.post.body.rpartition(bytes(8))
        assert body.decode() == blocks["body"]
        assert (json.loads(prelude) if prelude else None) == json.loads(blocks.get("prelude", "null"))


def logged(loop: Loop, run: Run) -> str:
    """The log as a reader sees it."""
    text = run.stdout.replace("\r", "\n").replace("\u00a0", " ").replace(str(loop.task_root), "/var/task")
    return STAMP.sub("NOW", text)
