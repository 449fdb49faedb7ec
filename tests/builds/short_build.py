"""``python -m tests.builds.short_build CACHE DIST [IMAGE]``: a part of the real plan that takes seconds."""

import sys
from pathlib import Path

from builder.artifacts.export import export
from builder.console import Terminal
from builder.context import report_errors
from builder.executors.choice import open_executor
from builder.executors.host import Host
from builder.run import BuildContext, run_plan
from builder.store import Store
from tests.builds.build_cache import SHORT, planned


def build(cache: Path, dist: Path, image: str, terminal: Terminal) -> None:
    steps, store = planned(), Store(cache)
    host = Host(cache, store.result(steps["toolchain"]), 2)
    with open_executor("container" if image else "host", image, host, terminal) as executor:
        context = BuildContext(cache, store, executor, terminal)
        *_, layer = run_plan((*(steps[name] for name in SHORT), steps["layer"]), context)
        export(layer, dist, store.lock("export"))


def main(cache: str, dist: str, image: str = "") -> int:
    return report_errors(lambda terminal: build(Path(cache), Path(dist), image, terminal))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
