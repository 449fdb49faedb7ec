"""Two concurrent builds do not interfere with each other."""

from .build_cache import BUILT, BuildCache, Reference, planned


def test_two_builds_with_one_cache_both_succeed_and_run_each_step_once(
    build_cache: BuildCache, reference: Reference
) -> None:
    processes = [build_cache.start(), build_cache.start()]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert build_cache.digests() == reference.digests
    assert build_cache.leftovers() == []
    finished = sorted(line.split()[1] for err in errors for line in err.splitlines() if line.startswith("✓"))
    assert finished == sorted(planned()[name].name for name in BUILT)
