"""What the start has made is out of the collector's way, not out of its reach."""

from pathlib import Path

import pytest

from tests.product import Layer


@pytest.mark.parametrize(
    "question",
    [
        "any(each is sys for each in gc.get_objects())",
        "any(each is sys for each in gc.get_objects(generation=2))",
        "any(each is sys.modules for each in gc.get_referrers(sys))",
        "gc.freeze() or gc.get_freeze_count() > 3000",
    ],
)
def test_whoever_asks_for_all_objects_gets_those_of_the_start_too(layer: Layer, question: str) -> None:
    assert layer.run("-I", "-S", "-c", f"import gc, sys; print({question})") == "True\n"


def test_at_the_end_everything_is_finished_in_its_order(layer: Layer, tmp_path: Path) -> None:
    """Cycles, a file that nobody closed, what the main module keeps, what a module or a class of the start does."""
    code = f"""
import codecs, posix
class Finished:
    def __init__(self, name):
        self.name, self.itself = name, self
    def __del__(self, write=posix.write):
        write(1, self.name)
file = open({str(tmp_path / "written")!r}, "w")
file.write("all of it")
Finished(b"garbage ")
kept = Finished(b"kept ")
codecs.ours = Finished(b"of a module ")
codecs.Codec.ours = Finished(b"of a class ")
"""
    assert layer.run("-I", "-S", "-c", code) == "garbage of a module of a class kept "
    assert (tmp_path / "written").read_text(encoding="utf-8") == "all of it"
