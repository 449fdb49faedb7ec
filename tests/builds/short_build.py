"""``python -m tests.builds.short_build CACHE DIST``: a piece of the real plan that takes seconds."""

import sys
from pathlib import Path

from builder.build import Site, carry_out
from builder.console import Terminal
from builder.deliver import deliver
from builder.pins import load_pins
from builder.plan import epoch
from builder.store import Store
from builder.workshop.host import Host
from tests.builds.yard import SHORT, planned
from tests.product import TARGET


def main(cache: Path, dist: Path) -> None:
    steps, store = planned(), Store(cache)
    workshop = Host(cache, store.result(steps["toolchain"]), epoch(load_pins(), TARGET), 2)
    site = Site(cache, store, workshop, Terminal())
    for name in SHORT:
        carry_out((steps["toolchain"], steps[name]), site)
    deliver(carry_out(tuple(steps.values()), site), dist, store.lock("deliver"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
