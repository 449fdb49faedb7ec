"""Cold starts of functions as people write them: from process start to the first request, with and without bytecode.

Each function runs on this layer's loop and on awslambdaric, direct, on the same interpreter: as a zip of sources,
of which nothing that is compiled can be kept, because /var/task is read-only, and as `package_function` leaves it.
"""

import json
import platform
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from builder.console import Terminal
from builder.functions.package import FunctionRequest, function_entries, lay_entries
from tools.bench.api import SubjectProcess
from tools.bench.subjects import DIRECT, OURS, Subject, Workspace
from tools.support.product import PLATFORM, PRODUCT

HANDLER = "def handler(event, context):\n    return {}\n"
FUNCTIONS: Mapping[str, str] = {
    "plain": "",
    "boto3_s3": "import boto3\ns3 = boto3.client('s3', region_name='eu-west-3')\n",
    "pydantic_powertools": (
        "from aws_lambda_powertools import Logger\nfrom pydantic import BaseModel\nlogger = Logger(service='orders')\n"
        "class Order(BaseModel):\n    item: str\n    count: int\n"
    ),
    "boto3_pydantic_powertools": (
        "import boto3, pydantic, aws_lambda_powertools\ns3 = boto3.client('s3', region_name='eu-west-3')\n"
    ),
    "numpy_pandas": "import numpy, pandas\n",
    "fastapi_mangum": (
        "import fastapi, mangum\napp = fastapi.FastAPI()\n"
        "@app.get('/orders/{item}')\ndef read(item: str) -> dict[str, str]:\n    return {'item': item}\n"
        "serve = mangum.Mangum(app, lifespan='off')\n"
    ),
}
"""Name → source of what is done while it loads; the packages are those of ``requirements/functions.in``."""
KINDS = SOURCES, PACKAGED = "sources", "packaged"


def lay_functions(folder: Path, functions: Mapping[str, str] = FUNCTIONS, requirements: Path | None = None) -> None:
    """Makes ``sources/`` and ``packaged/`` in a folder, each with all functions and their packages."""
    source = folder / "functions"
    source.mkdir()
    for name, code in functions.items():
        (source / f"{name}.py").write_text(code + HANDLER, encoding="utf-8")
    request = FunctionRequest(source, PRODUCT, PLATFORM.cpu.lambda_name, "provided.al2023", requirements=requirements)
    entries = function_entries(request, Terminal(), "host")
    lay_entries((entry for entry in entries if not entry.path.endswith(".pyc")), folder / SOURCES)
    lay_entries(entries, folder / PACKAGED)


def measure(workspace: Workspace, repetitions: int, functions: Iterable[str] = FUNCTIONS) -> dict[str, Any]:
    """Processor time, ms: the least and the median of each function's starts, and the most that it had in memory."""
    times: dict[tuple[str, str], list[float]] = {}
    peaks: dict[tuple[str, str], list[float]] = {}
    for _ in range(repetitions):
        for key, subject in _subjects(workspace, functions):
            with SubjectProcess(workspace, subject) as process:
                process.wait_for_request()
                times.setdefault(key, []).append(process.processor_ns() / 1e6)
                peaks.setdefault(key, []).append(peak_mib(process.pid))
    results: dict[str, Any] = {}
    for (function, column), values in times.items():
        least, median, peak = min(values), statistics.median(values), statistics.median(peaks[function, column])
        results.setdefault(function, {})[column] = {"least": least, "median": median, "peak": peak}
    return {"machine": platform.machine(), "repetitions": repetitions, "results": results}


def show(result: Mapping[str, Any]) -> None:
    """Prints the table, then the JSON on one line."""
    print("process start → first GET of /next, processor time: least / median of the starts, ms; peak memory, MiB")
    for function, columns in result["results"].items():
        print(function)
        for column, value in columns.items():
            print(f"    {column:36}{value['least']:8.1f} / {value['median']:6.1f}{value['peak']:8.1f}")
    print(json.dumps(result))


def peak_mib(pid: int) -> float:
    """The most that a process has had in memory (VmHWM)."""
    lines = Path("/proc", str(pid), "status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _subjects(workspace: Workspace, functions: Iterable[str]) -> Iterator[tuple[tuple[str, str], Subject]]:
    loops = [each for each in workspace.subjects() if each.name in (OURS, DIRECT)]
    for function in functions:
        for kind in KINDS:
            for loop in loops:
                command = (*loop.command[:-1], f"{function}.handler")
                own = {
                    "LAMBDA_TASK_ROOT": str(workspace.root / kind),
                    "_HANDLER": command[-1],
                    "PYTHONDONTWRITEBYTECODE": "1",
                }
                if loop.name == DIRECT:  # its start script puts the function's folder onto the path
                    own["PYTHONPATH"] = f"{workspace.root / kind}:{loop.variables['PYTHONPATH']}"
                variables = {**loop.variables, **own}
                yield (function, f"{loop.name}, {kind}"), Subject(loop.name, command, variables)
