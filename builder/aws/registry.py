"""``dist/layers.json``: which layer stands where in AWS.

By the layer's name, the region, the architecture and CPython's version: the ARN and the zip's sha256. Each note is
written at once and whole, so that whatever ends a run, what was published until then is known.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.aws.product import Product
from builder.errors import ManifestMismatch, NotWritable

SCHEMA = 1


@dataclass(frozen=True)
class Record:
    """The file; several threads and processes may write to it."""

    path: Path

    def read(self) -> dict[str, Any]:
        """Name → region → architecture → version of CPython → ``arn`` and ``sha256``."""
        if not self.path.exists():
            return {}
        try:
            return dict(json.loads(self.path.read_text(encoding="utf-8"))["layers"])
        except (ValueError, KeyError, TypeError) as error:
            do = "Delete it: publishing again finds every layer by its sha256, and records it."
            raise ManifestMismatch(f"{self.path} is no record of layers.", f"{error!r}", do) from error

    def check(self) -> None:
        """Raises what noting would raise: best before there is something that must be noted."""
        with self._change():
            pass

    def note(self, name: str, region: str, product: Product, arn: str) -> None:
        with self._change() as layers:
            entry = layers.setdefault(name, {}).setdefault(region, {}).setdefault(product.architecture, {})
            entry[product.python] = {"arn": arn, "sha256": product.sha256}

    @contextmanager
    def _change(self) -> Iterator[dict[str, Any]]:
        """What is recorded, to be changed; written when the block ends. The folder is locked meanwhile."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                layers = self.read()
                yield layers
                part = self.path.with_name(f"{self.path.name}.part")
                text = json.dumps({"schema": SCHEMA, "layers": layers}, indent=1, sort_keys=True)
                part.write_text(f"{text}\n", encoding="utf-8")
                os.replace(part, self.path)
            finally:
                os.close(folder)
        except OSError as error:
            why = f"{error.strerror}."
            raise NotWritable(
                f"{self.path} cannot be written.", why, "Pass --record FILE to keep it elsewhere."
            ) from error

    def arns(self, region: str, architecture: str, python: str) -> dict[str, str]:
        """Name → ARN of the layers that are recorded for a place."""
        found = {
            name: regions.get(region, {}).get(architecture, {}).get(python) for name, regions in self.read().items()
        }
        return {name: entry["arn"] for name, entry in found.items() if entry}
