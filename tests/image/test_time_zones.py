"""Time zones, with the image's own database, and without."""

import subprocess
from zoneinfo import TZPATH

import pytest

CODE = """
from datetime import datetime
from zoneinfo import ZoneInfo
print(datetime(2026, 7, 14, tzinfo=ZoneInfo("Europe/Paris")).isoformat())
"""


@pytest.mark.parametrize("path", [":".join(TZPATH), ""], ids=["the image's", "none"])
def test_a_time_zone_is_found(path: str) -> None:
    command = ("/opt/bin/python3", "-c", CODE)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONTZPATH": path})
    assert done.stdout == "2026-07-14T00:00:00+02:00\n"
