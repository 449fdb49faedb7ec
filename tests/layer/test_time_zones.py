"""The layer's time zones for glibc, where the system has none."""

import subprocess
from pathlib import Path

import pytest

from tools.support.fake_api import Loop, event
from tools.support.product import Layer

pytestmark = pytest.mark.mounts

FUNCTION = """
import datetime, os, subprocess, time

def shown():
    command = ["date", "-d@1720000000", "+%H:%M %Z"]
    child = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    local = time.strftime("%H:%M %Z", time.localtime(1720000000))
    return [local, str(datetime.datetime.fromtimestamp(1720000000)), child]

def handler(event, context):
    if event:
        os.environ["TZ"] = event
        time.tzset()
    return [*shown(), os.environ.get("TZDIR") is None]
"""
PARIS = ["11:46 CEST", "2024-07-03 11:46:40", "11:46 CEST\n"]
TOKYO = ["18:46 JST", "2024-07-03 18:46:40", "18:46 JST\n"]
UTC = ["09:46 UTC", "2024-07-03 09:46:40", "09:46 UTC\n"]


@pytest.fixture
def hidden(layer: Layer, tmp_path: Path) -> Loop:
    """A loop on a system whose own database is hidden."""
    empty = tmp_path / "empty"
    empty.mkdir()
    return Loop(str(layer.python), tmp_path, bootstrap=layer.root / "bootstrap")


def without_zones(layer: Layer, tmp_path: Path) -> dict[str, object]:
    setup = f"mount --bind {tmp_path / 'empty'} /usr/share/zoneinfo"
    return {"command": lambda line: list(layer.at_opt(*line, setup=setup))}


@pytest.mark.parametrize("variable", ["Europe/Paris", ":Europe/Paris"])
def test_the_zone_of_the_environment_is_found(hidden: Loop, layer: Layer, tmp_path: Path, variable: str) -> None:
    hidden.variables["TZ"] = variable
    run = hidden(FUNCTION, event(None), event("Asia/Tokyo", 2), **without_zones(layer, tmp_path))  # type: ignore[arg-type]
    assert run.results == [[*PARIS, False], [*TOKYO, False]]


@pytest.mark.parametrize("variable", ["", ":UTC", "UTC"])
def test_a_zone_that_the_function_chooses_is_found(hidden: Loop, layer: Layer, tmp_path: Path, variable: str) -> None:
    hidden.variables["TZ"] = variable
    run = hidden(FUNCTION, event(None), event("Europe/Paris", 2), **without_zones(layer, tmp_path))  # type: ignore[arg-type]
    assert run.results == [[*UTC, False], [*PARIS, False]]


def test_a_folder_of_the_users_stays(hidden: Loop, layer: Layer, tmp_path: Path) -> None:
    hidden.variables |= {"TZ": "Europe/Paris", "TZDIR": "/nowhere"}
    code = "import os\ndef handler(event, context): return os.environ['TZDIR']"
    assert hidden(code, event(None), **without_zones(layer, tmp_path)).result == "/nowhere"  # type: ignore[arg-type]


def test_a_rule_is_no_name(hidden: Loop, layer: Layer, tmp_path: Path) -> None:
    hidden.variables["TZ"] = "XYZ-3"
    run = hidden(FUNCTION, event(None), **without_zones(layer, tmp_path))  # type: ignore[arg-type]
    assert run.result == ["12:46 XYZ", "2024-07-03 12:46:40", "12:46 XYZ\n", True]


def test_the_systems_own_database_is_used(hidden: Loop) -> None:
    subprocess.run(("test", "-e", "/usr/share/zoneinfo/Europe/Paris"), check=True)
    hidden.variables["TZ"] = "Europe/Paris"
    assert hidden(FUNCTION, event(None)).result == [*PARIS, True]
