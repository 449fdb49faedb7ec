"""Where the layer is at /opt: invokes a function once. Run by the layer's interpreter: ``inside.py SETTINGS``.

Settings are JSON: ``handler``, ``port`` (0: any), ``timeout`` (seconds). Beside this file are the emulator and the
event. What happens is told on standard output, a line of JSON each: ``{"log": …}`` for what the function writes, as it
comes, and one ``{"outcome": …}`` or ``{"problem": …}`` at the end.
"""

import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).parent
START = 30.0
"""Seconds that the emulator may take to open its port, and to answer beyond the function's timeout: a safety net."""

OWN_LINES = re.compile(r"(START|END|REPORT) RequestId: ")
"""The emulator's: its REPORT invents the memory, and leaves out the time that the interpreter needs to start."""
INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
INVOKE = re.compile(r"INVOKE RTDONE\(.*duration: ([\d.]+)ms\)")
FAILED = re.compile(r"API request - POST \S+/error,|INIT RTDONE\(status: (?!success)|Invoke failed|Invoke\(\) timeout")


def main(settings: dict[str, Any]) -> None:
    port = settings["port"] or free_port()
    if is_taken(port):
        tell(problem="port")
        return
    addresses = (
        f"--{name}-address=127.0.0.1:{number}"
        for name, number in (("runtime-interface-emulator", port), ("runtime-api", free_port()))
    )
    command = (str(HERE / "aws-lambda-rie"), "--log-level=debug", *addresses, "/opt/bootstrap", settings["handler"])
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace") as rie:
        readers = [
            threading.Thread(target=read, args=given) for given in ((rie.stdout, forward), (rie.stderr, said.append))
        ]
        for reader in readers:
            reader.start()
        try:
            wait_for(port, rie)
            body = post(port, settings["timeout"] + START)
            memory = sum(peaks(rie.pid))
        finally:
            rie.terminate()
            for reader in readers:
                reader.join()
    text = "".join(said)
    init, invoke = ([float(number) for number in pattern.findall(text)] for pattern in (INIT, INVOKE))
    failed = bool(FAILED.search(text))
    tell(outcome={"body": body, "failed": failed, "init": init[:1], "invocation": invoke[:1], "memory": memory})


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


def forward(line: str) -> None:
    if not OWN_LINES.match(line):
        tell(log=line.rstrip("\n"))


def read(stream: IO[str], take: Any) -> None:
    for line in stream:
        take(line)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the emulator does: no trace of a last run
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def wait_for(port: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise SystemExit("the emulator does not open its port")


def post(port: int, patience: float) -> str:
    """Sends the event as the platform's front end would, and gives the answer's body."""
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    request = urllib.request.Request(url, (HERE / "event").read_bytes())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=patience) as answer:
            return bytes(answer.read()).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace")


def peaks(process: int) -> Iterator[int]:
    """The most bytes that each process below one has had in memory."""
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            status = Path(f"/proc/{child}/status").read_text()
            if found := re.search(r"VmHWM:\s*(\d+) kB", status):
                yield int(found[1]) * 1024
            yield from peaks(int(child))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
