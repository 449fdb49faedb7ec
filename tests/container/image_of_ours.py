"""An image that `build-image` has made, on the Debian that the engine has, for the tests that run it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.platform import this_machine
from tools.support.product import PRODUCT, ROOT

ARCH = this_machine().lambda_name


@dataclass(frozen=True)
class Built:
    """What was written."""

    folder: Path
    stem: str
    tag: str

    @property
    def archive(self) -> Path:
        return self.folder / f"{self.stem}.tar"

    @property
    def layout(self) -> Path:
        return self.folder / f"{self.stem}.oci"

    @property
    def manifest(self) -> Path:
        return self.folder / f"{self.stem}.manifest.json"

    @property
    def described(self) -> dict[str, Any]:
        """The image as its manifest has it: ``root``, ``manifest``, ``config``, ``layers``."""
        artifacts = json.loads(self.manifest.read_text(encoding="utf-8"))["artifacts"]
        (image,) = (artifact for artifact in artifacts if artifact["kind"] == "image")
        return dict(image)


def build(base: str, source: Path, handler: str, output: Path) -> Built:
    tag = f"localhost/{source.name}:tested"
    words = (f"--base={base}", f"--source={source}", f"--handler={handler}", f"--output={output}", f"--tag={tag}")
    done = run("build-image", "--in=host", f"--product={PRODUCT.name}", f"--arch={ARCH}", *words)
    assert done.returncode == 0, done.stderr
    return Built(output, f"{source.name}-{PRODUCT.stem(ARCH)}", tag)


def run(*arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """A command of ours."""
    command = (sys.executable, "-m", "builder", *arguments)
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
