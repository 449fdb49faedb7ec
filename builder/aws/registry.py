"""``dist/layers.json``: the registry of published layers.

For each layer name, region, architecture, product and version: the ARN and the zip's sha256. Each entry is written
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

from builder.aws.layer_zip import LayerZip
from builder.errors import ManifestMismatch, NotWritable
from builder.product import Product

SCHEMA = 2


@dataclass(frozen=True)
class LayerRegistry:
    """The file; safe for concurrent use by several threads and processes."""

    path: Path

    def read(self) -> dict[str, Any]:
        """Name → region → architecture → product → version → ``arn`` and ``sha256``."""
        if not self.path.exists():
            return {}
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            if data["schema"] != SCHEMA:
                raise ValueError(f"its schema is {data['schema']!r}, not {SCHEMA}")
            return dict(data["layers"])
        except (ValueError, KeyError, TypeError) as error:
            do = "Delete it: publishing again finds every layer by its sha256, and records it."
            raise ManifestMismatch(f"{self.path} is not a registry of layers.", f"{error!r}", do) from error

    def check(self) -> None:
        """Raises what `record` would raise; to be called before anything is published that must be recorded."""
        with self._update():
            pass

    def record(self, name: str, region: str, layer: LayerZip, arn: str) -> None:
        with self._update() as layers:
            entry = layers
            for key in (name, region, layer.architecture, layer.product):
                entry = entry.setdefault(key, {})
            entry[layer.version] = {"arn": arn, "sha256": layer.sha256}

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

    def arns(self, region: str, architecture: str, product: Product) -> dict[str, str]:
        """Name → ARN of the layers recorded for a region, an architecture and a product in its pinned version."""
        found = {
            name: regions.get(region, {}).get(architecture, {}).get(product.name, {}).get(product.version)
            for name, regions in self.read().items()
        }
        return {name: entry["arn"] for name, entry in found.items() if entry}
