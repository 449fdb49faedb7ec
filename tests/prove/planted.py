"""Interpreters that are wrong in one case: a script that changes a module before it runs what it is told to."""

import shlex
import sys
from pathlib import Path
from random import Random

from tools.prove.fuzz.subjects import json as json_subject
from tools.prove.interpreters import Interpreter

SCRIPT = """
import json, os, runpy, signal, sys, time
right = json.loads
def loads(text, **options):
    if text in {wrong!r}:
        {fault}
    return right(text, **options)
json.loads = loads
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
ANOTHER_VALUE = "return 'planted'"
CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"
HANG = "time.sleep(600)"


def json_text(number: int, seed: int = 1) -> str | bytes:
    """The text that a case of the subject ``json`` reads."""
    random = Random(f"json {seed} {number}")
    return json_subject._damaged(random, json_subject._value(random, 0))


def planted(folder: Path, fault: str, *numbers: int, limit: float = 60.0) -> Interpreter:
    """One that is wrong in some cases of the subject ``json``."""
    wrong = {json_text(number) for number in numbers}
    folder.mkdir(exist_ok=True)
    script = folder / "planted.py"
    script.write_text(SCRIPT.format(wrong=wrong, fault=fault), encoding="utf-8")
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec {shlex.join((sys.executable, str(script)))} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return Interpreter("planted", program, limit=limit)
