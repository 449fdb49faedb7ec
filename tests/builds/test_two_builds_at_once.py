"""Two builds at once do not harm each other."""

from .build_cache import MADE, Reference, Yard, planned


def test_two_builds_with_one_cache_both_end_well_and_make_each_step_once(yard: Yard, reference: Reference) -> None:
    processes = [yard.start(), yard.start()]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert yard.digests() == reference.digests
    assert yard.leftovers() == []
    finished = sorted(line.split()[1] for err in said for line in err.splitlines() if line.startswith("✓"))
    assert finished == sorted(planned()[name].name for name in MADE)
