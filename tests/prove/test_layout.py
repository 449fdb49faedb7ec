"""Structures: what may change and what may not, what DWARF says of them, and what the shipped executables do."""

import shutil
import subprocess
from pathlib import Path

import pytest

from builder.errors import BuildError
from tools.prove.dwarf import Layout, Member, Structure, debug_offsets, read_layout
from tools.prove.layout import Moved, compare, compare_offsets
from tools.support.product import TARGET, Layer

GROWS = ("state", "runtime")
STATE = Structure(192, {"id": Member(0, 64), "gc": Member(64, 64, "gc"), "last": Member(128, 64)})
RUNTIME = Structure(256, {"id": Member(0, 64), "main": Member(64, 192, "state")})
GC = Structure(64, {"enabled": Member(0, 32), "count": Member(32, 32)})
STOCK = {"state": STATE, "runtime": RUNTIME, "gc": GC}

SOURCE = """
typedef unsigned long ulong;
struct inner { int a; char b[12]; };
typedef struct { void *pointer; struct inner inner[2]; const ulong number; } Plain;
struct outer {
    unsigned int kind:3;
    unsigned int ready:1;
    struct { int x; union { int y; char z; } both; } nameless;
    union { long one; double other; };
    struct inner *next;
    Plain plain;
    int flexible[];
};
struct declared;
struct outer *outer;
struct declared *declared;
"""


def with_state(**members: Member) -> Layout:
    size = max(member.offset + member.size for member in members.values())
    return {**STOCK, "state": Structure(size, members)}


def found(patched: Layout) -> list[str]:
    return [moved.what for moved in compare(STOCK, patched, GROWS)]


def test_the_same_structures_are_the_same() -> None:
    assert list(compare(STOCK, dict(STOCK), GROWS)) == []


def test_a_structure_that_may_grow_takes_members_at_its_end_and_so_does_what_ends_with_it() -> None:
    more = with_state(**STATE.members, ours=Member(192, 128))
    runtime = Structure(384, {"id": Member(0, 64), "main": Member(64, 320, "state")})
    assert found({**more, "runtime": runtime}) == []


def test_a_member_in_between_moves_what_comes_after_it() -> None:
    moved = with_state(id=Member(0, 64), ours=Member(64, 64), gc=Member(128, 64, "gc"), last=Member(192, 64))
    assert found(moved) == ["state.gc", "state.last", "state.ours"]


def test_another_structure_takes_none_even_at_its_end() -> None:
    assert found({**STOCK, "gc": Structure(128, {**GC.members, "ours": Member(64, 64)})}) == ["gc", "gc.ours"]


def test_a_member_may_not_grow_go_or_change_its_size() -> None:
    assert found(with_state(id=Member(0, 64), gc=Member(64, 64, "gc"), last=Member(128, 96))) == ["state.last"]
    assert found(with_state(id=Member(0, 64), last=Member(128, 64))) == ["state.gc"]


def test_a_member_in_the_padding_of_another_structure_is_told() -> None:
    padded = {"gc": Structure(64, {"enabled": Member(0, 32)})}
    assert list(compare(padded, {"gc": GC}, GROWS)) == [Moved("gc.count", "not there", "4 bytes at 4")]


def test_a_structure_that_shrinks_or_goes_is_told_and_a_new_one_is_not() -> None:
    assert found({"state": STATE, "gc": GC, "new": GC}) == ["runtime"]
    assert found(with_state(id=Member(0, 64))) == ["state", "state.gc", "state.last"]


def test_places_of_single_bits_are_told_as_such() -> None:
    assert [str(Member(64, 32)), str(Member(3, 1))] == ["4 bytes at 8", "1 bits at bit 3"]


def test_offsets_may_differ_by_nothing_but_the_size_of_what_may_grow() -> None:
    stock = {"version": 3, "interpreter_state.size": 100, "interpreter_state.gc": 8, "gc.size": 24}
    assert list(compare_offsets(stock, {**stock, "interpreter_state.size": 120})) == []
    moved = [each.what for each in compare_offsets(stock, {**stock, "interpreter_state.gc": 16, "gc.size": 32})]
    assert moved == ["_Py_DebugOffsets.interpreter_state.gc", "_Py_DebugOffsets.gc.size"]
    assert len(list(compare_offsets(stock, {**stock, "interpreter_state.size": 90}))) == 1
    assert len(list(compare_offsets(stock, {**stock, "more": 1}))) == 1


@pytest.fixture(params=["-gdwarf-3", "-gdwarf-4", "-gdwarf-5"])
def compiled(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    compiler = shutil.which("clang") or shutil.which("gcc")
    if not compiler:
        pytest.skip("there is no compiler")
    (tmp_path / "some.c").write_text(SOURCE, encoding="ascii")
    command = (compiler, request.param, "-c", "some.c", "-o", "some.o")
    subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path / "some.o"


def test_structures_are_read_from_dwarf(compiled: Path) -> None:
    layout = read_layout(compiled)
    assert set(layout) == {"inner", "outer", "Plain"}
    assert layout["inner"] == Structure(128, {"a": Member(0, 32), "b": Member(32, 96)})
    assert layout["Plain"].members == {
        "pointer": Member(0, 64),
        "inner": Member(64, 256),
        "number": Member(320, 64),
    }
    assert layout["outer"].members == {
        "kind": Member(0, 3),
        "ready": Member(3, 1),
        "nameless.x": Member(32, 32),
        "nameless.both.y": Member(64, 32),
        "nameless.both.z": Member(64, 8),
        "nameless.both": Member(64, 32),
        "nameless": Member(32, 64),
        "one": Member(128, 64),
        "other": Member(128, 64),
        "next": Member(192, 64),
        "plain.pointer": Member(256, 64),
        "plain.inner": Member(320, 256),
        "plain.number": Member(576, 64),
        "plain": Member(256, 384),
        "flexible": Member(640, 0),
    }


def test_the_product_tells_its_offsets(layer: Layer) -> None:
    inner = Structure(128, {"size": Member(0, 64), "finalizing": Member(64, 64)})
    offsets = Structure(
        320,
        {
            "cookie": Member(0, 64),
            "version": Member(64, 64),
            "free_threaded": Member(128, 64),
            "runtime_state": Member(192, 128, "_runtime_state"),
        },
    )
    found = debug_offsets(_executable(layer), {"_Py_DebugOffsets": offsets, "_runtime_state": inner})
    assert divmod(found["version"] >> 16, 256) == tuple(map(int, TARGET.series.split(".")))
    assert found["free_threaded"] == 0
    assert 0 < found["runtime_state.finalizing"] < found["runtime_state.size"] < 1 << 20


def test_an_executable_without_offsets_is_refused() -> None:
    with pytest.raises(BuildError, match=r"has no \.PyRuntime"):
        debug_offsets(Path(shutil.which("sh") or "/bin/sh").resolve(), {})


def _executable(layer: Layer) -> Path:
    return next(path for path in (layer.root / "bin").iterdir() if not path.is_symlink())
