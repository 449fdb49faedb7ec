"""Takes away what no build has asked for lately: results of steps, logs, and what killed builds left."""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builder.disk import disk_usage, translate_os_errors
from builder.store import Result, Store
from builder.uses import keys_in_use

DAY = 86_400.0
"""Seconds."""


@dataclass(frozen=True)
class Policy:
    """What stays; whatever a running build needs does besides."""

    newest: int = 2
    """Results of each step, those first that were used last."""
    days: int = 1
    """A result that was used within so many days."""

    def expired(self, results: Iterable[Result], in_use: set[str], now: float) -> list[Result]:
        """The results that go. Of the older layout, which no build of ours uses, only the age counts."""
        kept: dict[str, int] = {}
        found = []
        for result in sorted(results, key=lambda result: -result.used):
            newest = result.current and kept.setdefault(result.name, 0) < self.newest
            if newest:
                kept[result.name] += 1
            needed = result.current and result.key in in_use
            if not (newest or needed or now - result.used < self.days * DAY):
                found.append(result)
        return found


def prune(store: Store, policy: Policy, *, dry_run: bool) -> list[str]:
    """Does it, or only says it: a line for each result, one for what else goes, one for what a running build keeps."""
    if not store.root.is_dir():
        return [f"There is nothing in {store.root}."]
    verb, now, freed, lines = "would remove" if dry_run else "removed", time.time(), 0, list[str]()
    with translate_os_errors(store.root):
        expired, needed = _take(store, policy, now, dry_run=dry_run)
        for result, path in expired:
            freed += (size := disk_usage(path))
            older = "" if result.current else ", of an older builder"
            lines.append(f"{verb} {result.name} {result.key[:12]}: {_mb(size)}, last used {_date(result.used)}{older}")
        leftovers = {"logs": _old_logs(store, policy, now), "work folders of killed builds": store.abandoned()}
        for what, paths in leftovers.items():
            sizes = []
            for path in paths:
                sizes.append(disk_usage(path))
                if not dry_run:
                    _remove(path)
            freed += sum(sizes)
            lines += [f"{verb} {len(sizes)} {what}: {_mb(sum(sizes))}"] if sizes else []
        if not dry_run:
            store.empty_trash()
    lines += [f"kept {needed} results that running builds need"] if needed else []
    return [*lines, f"{_mb(freed)} {'would be' if dry_run else 'were'} freed"]


def _take(store: Store, policy: Policy, now: float, *, dry_run: bool) -> tuple[list[tuple[Result, Path]], int]:
    """The results that go, where each of them is now, and the number of those that running builds need.

    A build that starts meanwhile waits for this moment: it finds a result whole, and keeps it, or not at all.
    """
    with store.lock("store"):
        in_use, results = keys_in_use(store.root / "locks"), list(store.results())
        expired = policy.expired(results, in_use, now)
        places = [(result, result.path if dry_run else store.discard(result)) for result in expired]
        return places, sum(result.current and result.key in in_use for result in results)


def _old_logs(store: Store, policy: Policy, now: float) -> Iterator[Path]:
    """Those that nothing was written to for a day at least; an error may have sent somebody to a newer one."""
    for path in (store.root / "logs").glob("*"):
        with suppress(FileNotFoundError):  # a build starts its log afresh
            if now - path.stat().st_mtime >= max(policy.days, 1) * DAY:
                yield path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
