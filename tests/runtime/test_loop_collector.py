"""The collector while a function loads: it waits, and the function finds it as it would be without that."""

import pytest

from tools.support.fake_api import Loop, event

GARBAGE = """
import sys

class Node:
    alive = 0
    def __init__(self):
        self.me = self
        Node.alive += 1
    def __del__(self):
        Node.alive -= 1

def make(count):
    for _ in range(count):
        Node()
    return Node.alive
"""

SEEN = """
import gc
import sys
found = [gc.isenabled(), gc.get_threshold(), len(gc.callbacks), gc.get_freeze_count(), sorted(vars(gc))]
"""


def test_nothing_is_collected_while_a_function_loads_and_all_is_again_afterwards(loop: Loop) -> None:
    code = GARBAGE + "\nloaded = make(10_000)\ndef handler(event, context): return [loaded, make(10_000)]"
    loaded, later = loop(code).result
    assert loaded == 10_000
    assert loaded < later < loaded + 5_000


def test_a_load_that_makes_much_garbage_is_not_without_bounds(loop: Loop) -> None:
    code = GARBAGE + "\nloaded = make(1_000_000)\ndef handler(event, context): return loaded"
    assert loop(code).result < 250_000


def test_what_was_loaded_is_left_out_of_collections(loop: Loop) -> None:
    code = "kept = [[] for _ in range(10_000)]\ndef handler(event, context): import gc; return gc.get_freeze_count()"
    assert loop(code).result > 10_000


def test_a_function_that_looks_at_the_collector_sees_what_it_would_see_elsewhere(loop: Loop) -> None:
    code = SEEN + "\ndef handler(event, context): return [found, [gc.isenabled(), gc.get_threshold()]]"
    at_load, later = loop(code).result
    assert at_load[:4] == [True, later[1], 0, 0]
    assert at_load[1][0] < 10_000
    assert later[0] is True
    assert {"collect", "freeze", "garbage", "set_threshold"} <= set(at_load[4])
    assert "__getattr__" not in at_load[4]


@pytest.mark.parametrize(
    "statement",
    ["gc.collect()", "from gc import collect; collect()", "from gc import *; collect()"],
)
def test_a_function_that_collects_while_it_loads_gets_its_garbage_collected(loop: Loop, statement: str) -> None:
    code = GARBAGE + f"\nimport gc\nmake(1000)\n{statement}\nloaded = Node.alive\n"
    assert loop(f"{code}\ndef handler(event, context): return loaded").result == 0


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("gc.disable()", [False, None, 0]),
        ("gc.disable(); gc.enable()", [True, None, 0]),
        ("gc.set_threshold(123, 4, 5)", [True, 123, 0]),
        ("gc.set_threshold(0)", [True, 0, 0]),
        ("gc.callbacks.append(print)", [True, None, 1]),
    ],
)
def test_a_function_keeps_what_it_has_set_itself(loop: Loop, statement: str, expected: list[object]) -> None:
    usual = loop("def handler(event, context): import gc; return gc.get_threshold()[0]").result
    code = f"import gc\n{statement}\nprint = str\ndef handler(event, context):\n"
    code += "    return [gc.isenabled(), gc.get_threshold()[0], len(gc.callbacks), gc.get_freeze_count()]"
    enabled, threshold, callbacks = expected
    assert loop(code).result == [enabled, usual if threshold is None else threshold, callbacks, 0]


def test_a_function_that_freezes_keeps_that_and_no_more(loop: Loop) -> None:
    code = "import gc\ngc.freeze()\nfrozen = gc.get_freeze_count()\nkept = [[] for _ in range(10_000)]\n"
    code += "def handler(event, context): return [frozen, gc.get_freeze_count()]"
    frozen, later = loop(code).result
    assert frozen > 1000
    assert later < frozen + 100


def test_who_asks_all_modules_for_their_files_does_not_end_the_wait(loop: Loop) -> None:
    code = "import sys\nimport gc\nfiles = [getattr(each, '__file__', None) for each in [*sys.modules.values()]]\n"
    code += GARBAGE + "\nloaded = make(10_000)\ndef handler(event, context): return loaded"
    assert loop(code).result == 10_000


def test_a_collector_that_a_sitecustomize_has_switched_off_stays_off(loop: Loop) -> None:
    loop.write("site/sitecustomize.py", "import gc\ngc.disable()\ngc.set_threshold(77)\n")
    loop.variables["PYTHONPATH"] = str(loop.task_root / "site")
    code = (
        "def handler(event, context): import gc; return [gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count()]"
    )
    assert loop(code).result == [False, 77, 0]


def test_a_load_that_fails_is_reported_as_ever(loop: Loop) -> None:
    run = loop("import gc\nraise ValueError('no')", event({}))
    assert run.posts[0].path.endswith("/init/error")
    assert run.posts[0].json["errorType"] == "ValueError"
