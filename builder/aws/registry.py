"""``dist/layers.json``: the registry of published layers.

For each layer name, region, architecture and version of CPython: the ARN and the zip's sha256. Each entry is written
immediately and atomically, so however a run ends, what it published is on record.
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
class LayerRegistry:
    """The file; safe for concurrent use by several threads and processes."""

    path: Path

    def read(self) -> dict[str, Any]:
        """Name → region → architecture → version of CPython → ``arn`` and ``sha256``."""
        if not self.path.exists():
            return {}
        try:
            return dict(json.loads(self.path.read_text(encoding="utf-8"))["layers"])
        except (ValueError, KeyError, TypeError) as error:
            do = "Delete it: publishing again finds every layer by its sha256, and records it."
            raise ManifestMismatch(f"{self.path} is not a registry of layers.", f"{error!r}", do) from error

    def check(self) -> None:
        """Raises what `record` would raise; to be called before anything is published that must be recorded."""
        with self._update():
            pass

    def record(self, name: str, region: str, product: Product, arn: str) -> None:
        with self._update() as layers:
            entry = layers.setdefault(name, {}).setdefault(region, {}).setdefault(product.architecture, {})
            entry[product.python] = {"arn": arn, "sha256": product.sha256}

    @contextmanager
    def _update(self) -> Iterator[dict[str, Any]]:
        """Yields the entries for modification and writes them when the block ends; locks the folder meanwhile."""
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
        """Name → ARN of the layers recorded for a region, an architecture and a version of CPython."""
        found = {
            name: regions.get(region, {}).get(architecture, {}).get(python) for name, regions in self.read().items()
        }
        return {name: entry["arn"] for name, entry in found.items() if entry}
