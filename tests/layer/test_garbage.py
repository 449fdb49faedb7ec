"""Objects made at start-up are kept out of the collector's way, but not out of its reach."""

from pathlib import Path

import pytest

from tools.support.product import Layer


@pytest.mark.parametrize(
    "question",
    [
        "any(each is sys for each in gc.get_objects())",
        pytest.param("any(each is sys for each in gc.get_objects(generation=2))", marks=pytest.mark.fast),
        "any(each is sys.modules for each in gc.get_referrers(sys))",
        "gc.freeze() or gc.get_freeze_count() > 3000",
    ],
)
def test_listing_all_objects_includes_those_made_at_startup(layer: Layer, question: str) -> None:
    assert layer.run("-I", "-S", "-c", f"import gc, sys; print({question})") == "True\n"


def test_at_exit_everything_is_finalised_in_order(layer: Layer, tmp_path: Path) -> None:
    """Cycles, an unclosed file, objects kept by the main module, and by a module and a class made at start-up."""
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


def test_a_collection_untracks_what_cannot_be_part_of_a_cycle(layer: Layer) -> None:
    code = """
import gc, random, sys, weakref
class Node:
    pass
early = sys.version_info >= (3, 14)  # tuples are untracked as they are made if they can be, and dicts never
gc.disable()
plain, nested = tuple([1, "a", None]), tuple([tuple([1]), 2])
holding, cyclic = tuple([[]]), tuple([[]])
cyclic[0].append(cyclic)
atoms, deep = {1: []}, {1: []}
atoms[1] = 2
for generation in (0, 2):
    gc.collect(generation)
    assert not gc.is_tracked(plain) and gc.is_tracked(nested) is (generation < 2 and not early), generation
    assert gc.is_tracked(holding) and gc.is_tracked(cyclic) and gc.is_tracked(deep)
    assert gc.is_tracked(atoms) is (generation < 2 or early), generation
rng = random.Random(1)
for turn in range(60):  # tuples and dicts at the ends of the lists and in cycles, some held from outside
    nodes = [Node() for _ in range(30)]
    for node in nodes:
        kinds = (tuple([rng.choice(nodes)]), tuple([turn]), {1: rng.choice(nodes)}, {turn: 1}, [rng.choice(nodes)])
        node.held = rng.sample(kinds, 3)
    kept = rng.sample(nodes, turn % 4)
    tail = tuple([turn, "last"]) if turn % 2 else {turn: [turn]}
    refs = [weakref.ref(node) for node in nodes]
    reach, ahead = set(), list(kept)
    while ahead:
        node = ahead.pop()
        if id(node) not in reach:
            reach.add(id(node))
            inner = [x for held in node.held for x in (held.values() if isinstance(held, dict) else held)]
            ahead += [x for x in inner if isinstance(x, Node)]
    expected = sum(id(node) in reach for node in nodes)
    node = nodes = kinds = ahead = inner = held = None
    gc.collect(turn % 3)
    gc.collect(turn % 3)
    alive = [ref() for ref in refs if ref() is not None]
    assert len(alive) == expected, (turn, len(alive), expected)
    assert all(each in gc.get_objects() for each in alive[:2])
    alive = kept = None
assert gc.collect() >= 0 and gc.get_count()[0] < 100
print("as expected")
"""
    assert layer.run("-c", code) == "as expected\n"
