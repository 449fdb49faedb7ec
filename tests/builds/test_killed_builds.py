"""After a build is killed at any moment, the next run completes and gives the same bytes.

Only the builder's own process is killed, as the kernel does when memory runs out: its compilers survive, and continue
to write into a folder that the next run considers abandoned.
"""

import random
import signal
import subprocess
import time

import pytest

from builder.store import Store

from .build_cache import BUILT, BuildCache, Reference, planned

ROUNDS, KILLS = 5, 4


def kill_one(build_cache: BuildCache, moment: float) -> bool:
    """Starts a build and kills it after ``moment`` seconds; False if it finished before."""
    process = build_cache.start()
    try:
        _, err = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
    else:
        assert process.returncode == 0, err
    return process.returncode != 0


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_after_kills_at_random_moments_a_run_completes_and_gives_the_same_bytes(
    build_cache: BuildCache, reference: Reference, seed: int
) -> None:
    moments, longest = random.Random(seed), reference.seconds
    kills = 0
    while kills < KILLS:
        start = time.monotonic()
        if kill_one(build_cache, moments.uniform(0.1, longest)):
            kills += 1
        else:  # it finished before the kill: that is a completed run too
            longest = min(longest, time.monotonic() - start)  # the machine was busier when the reference was built
            assert build_cache.digests() == reference.digests
            build_cache.wipe()
    build_cache.complete()
    assert build_cache.digests() == reference.digests

    build_cache.end_orphans()
    build_cache.complete()  # has nothing to build, and sweeps
    assert build_cache.leftovers() == []
    assert build_cache.digests() == reference.digests


def test_the_reference_is_a_build_of_every_step(reference: Reference, shared_build_cache: BuildCache) -> None:
    assert {*BUILT, "SHA256SUMS"} < set(reference.digests)
    assert len(set(reference.digests.values())) == len(reference.digests)
    assert Store(shared_build_cache.cache).has(planned()["toolchain"])
