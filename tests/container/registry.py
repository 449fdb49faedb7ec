"""A real registry, Debian's docker-registry, for as long as a test lasts; and how a client puts a layout into one."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from builder.emulator.call import free_ports
from tests.unit.fakes import wait_for_port

CONFIG = """
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@contextmanager
def open_registry(folder: Path) -> Iterator[str]:
    """Its ``HOST:PORT``."""
    if shutil.which("docker-registry") is None:
        pytest.fail("docker-registry is missing: apt-get install docker-registry", pytrace=False)
    (port,) = free_ports(1)
    config, log = folder / "registry.yml", folder / "registry.log"
    config.write_text(CONFIG.format(folder=folder / "registry", port=port), encoding="utf-8")
    with log.open("wb") as output:
        process = subprocess.Popen(("docker-registry", "serve", str(config)), stdout=output, stderr=output)
        try:
            wait_for_port(port, process, log)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def put(registry: str, name: str, layout: Path) -> str:
    """Uploads a layout as it is; the digest that its index names."""
    (root,) = json.loads((layout / "index.json").read_text(encoding="utf-8"))["manifests"]
    _put_manifest(f"http://{registry}/v2/{name}", layout, root)
    return str(root["digest"])


def _put_manifest(url: str, layout: Path, descriptor: dict[str, Any]) -> None:
    content = _blob(layout, descriptor)
    value = json.loads(content)
    for inner in value.get("manifests", ()):
        _put_manifest(url, layout, inner)
    for part in (value["config"], *value["layers"]) if "config" in value else ():
        place = requests.post(f"{url}/blobs/uploads/", timeout=60).headers["Location"]
        sign = "&" if "?" in place else "?"
        requests.put(f"{place}{sign}digest={part['digest']}", data=_blob(layout, part), timeout=60).raise_for_status()
    headers = {"Content-Type": descriptor["mediaType"]}
    where = f"{url}/manifests/{descriptor['digest']}"
    requests.put(where, data=content, headers=headers, timeout=60).raise_for_status()


def _blob(layout: Path, descriptor: dict[str, Any]) -> bytes:
    digest = str(descriptor["digest"])
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()
