"""Where the members of CPython's structures are: the same in the patched interpreter as in the stock one.

Debuggers and profilers read another process's structures, and extension modules are compiled against them. A file that
includes every header is compiled with debug information, in the configuration that ships; what DWARF says of all
structures in it is compared. The shipped executables themselves hold the offsets that such tools read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BuildError
from builder.plan.steps import Step
from builder.product import Product
from builder.recipes import Recipe, make_out
from tools.prove.dwarf import Layout, Structure, debug_offsets, read_layout
from tools.prove.interpreters import Pair
from tools.prove.report import Part
from tools.prove.steps import Workshop
from tools.support.product import output

MAY_GROW = ("_is", "pyruntimestate")
"""Structures at whose end a patch may add: an interpreter's state, and the runtime's, whose last member that is."""

MUST_BE_THERE = (
    *("_is", "pyruntimestate", "_ts", "_PyThreadStateImpl", "_Py_DebugOffsets", "_gc_runtime_state", "_ceval_state"),
    *(
        "_object",
        "_typeobject",
        "_heaptypeobject",
        "_longobject",
        "_PyLongValue",
        "PyCodeObject",
        "_PyInterpreterFrame",
    ),
    *("_frame", "PyTupleObject", "PyListObject", "PyDictObject", "_dictkeysobject", "_dictvalues", "PyFunctionObject"),
    *("PyFloatObject", "PyBytesObject", "PyASCIIObject", "PyCompactUnicodeObject", "PyUnicodeObject", "PyGenObject"),
    *(
        "PyCoroObject",
        "PyAsyncGenObject",
        "PySetObject",
        "PyMethodDef",
        "PyModuleDef",
        "PyModuleObject",
        "PyCellObject",
    ),
    *("PyMemoryViewObject", "PyBaseExceptionObject", "_traceback", "PyCFunctionObject", "_PyWeakReference", "PyConfig"),
)
"""Without these, nothing would have been compared. Some have an underscore in one series and none in another."""

LAYOUT_HEADERS = r"""
printf '#define Py_BUILD_CORE 1\n#include "Python.h"\n#include "structmember.h"\n#include "datetime.h"\n' > layout.c
for header in $(grep -L 'must not be included directly' Include/internal/pycore_*.h); do
    printf '#include "%s"\n' "${header#Include/}" >> layout.c
done
"""
FLAGS = (
    "-g",
    "-gdwarf-4",
    "-fno-eliminate-unused-debug-types",
    "-D_GNU_SOURCE",
    "-IInclude",
    "-IInclude/internal",
    "-I.",
)

CONFIGURATION = """\
import sys, sysconfig
for name, value in sorted(sysconfig.get_config_vars().items()):
    if isinstance(value, (int, str)) and value not in (0, ""):
        print(name, value)
"""
"""Prints what was configured, a name and a value in each line; what is not defined, and what is 0, left out."""


@dataclass(frozen=True)
class Moved:
    """Something that is not where it was."""

    what: str
    stock: str
    patched: str


def compare(stock: Layout, patched: Layout, may_grow: tuple[str, ...] = MAY_GROW) -> Iterator[Moved]:
    """All that moved, grew, went, or came where nothing may come."""
    for name, before in stock.items():
        after = patched.get(name)
        if after is None:
            yield Moved(name, f"{before.size // 8} bytes", "not there")
            continue
        grows = name in may_grow and after.size >= before.size
        if before.size != after.size and not grows:
            yield Moved(name, f"{before.size // 8} bytes", f"{after.size // 8} bytes")
        yield from _members(name, before, after, may_grow)


def _members(name: str, before: Structure, after: Structure, may_grow: tuple[str, ...]) -> Iterator[Moved]:
    last = max(before.members.values(), key=lambda member: member.offset, default=None)
    for path, member in before.members.items():
        now = after.members.get(path)
        grew = now and member is last and now.offset == member.offset and now.size >= member.size
        if now != member and not (grew and name in may_grow and member.kind in may_grow):
            yield Moved(f"{name}.{path}", str(member), str(now or "not there"))
    end = max((member.offset + member.size for member in before.members.values()), default=0)
    for path in sorted(after.members.keys() - before.members):
        if name not in may_grow or after.members[path].offset < end:
            yield Moved(f"{name}.{path}", "not there", str(after.members[path]))


SIZES = {"interpreter_state.size": "_is", "runtime_state.size": "pyruntimestate", "gc.size": "_gc_runtime_state"}
"""Offsets of `debug_offsets` that are sizes of what DWARF describes, too."""


def run(part: Part, workshop: Workshop, stock: Product, product: Product, shipped: Pair) -> None:
    """Compares the structures of both, and what the shipped executables say of them."""
    names = (stock, product)
    steps = [_step(workshop, each, interpreter.python) for each, interpreter in zip(names, shipped, strict=True)]
    layouts = [read_layout(result / "layout.o") for result in workshop.run(*steps)]
    offsets = [_own_offsets(interpreter.python, layout) for interpreter, layout in zip(shipped, layouts, strict=True)]
    for moved in compare(layouts[0], layouts[1]):
        part.differs("layout", "structures", moved.what, moved.stock, moved.patched)
    for moved in compare_offsets(offsets[0], offsets[1]):
        part.differs("layout", "the executable", moved.what, moved.stock, moved.patched)
    part.subjects.add("layout")
    members = sum(len(structure.members) for structure in layouts[0].values())
    part.ran = f"{len(layouts[0])} structures, {members:,} members; {len(offsets[0])} offsets of the executables"


def compare_offsets(stock: Mapping[str, int], patched: Mapping[str, int]) -> Iterator[Moved]:
    """The offsets that differ; the size of what may grow may be larger."""
    for name, value in stock.items():
        may_grow = SIZES.get(name) in MAY_GROW
        if patched.get(name) != value and not (may_grow and patched.get(name, 0) > value):
            yield Moved(f"_Py_DebugOffsets.{name}", str(value), str(patched.get(name)))
    for name in patched.keys() - stock.keys():
        yield Moved(f"_Py_DebugOffsets.{name}", "not there", str(patched[name]))


def _own_offsets(program: Path, layout: Layout) -> dict[str, int]:
    """An executable's offsets; `BuildError` if the structures that were read are not those that it was made of."""
    if missing := [name for name in MUST_BE_THERE if name not in layout and f"_{name}" not in layout]:
        raise BuildError("DWARF does not describe all structures.", f"Missing: {', '.join(missing)}.", "See layout.py.")
    offsets = debug_offsets(program, layout)
    wrong = [name for name, structure in SIZES.items() if offsets[name] != layout[structure].size // 8]
    if wrong:
        shown = ", ".join(f"{name} {offsets[name]}, read {layout[SIZES[name]].size // 8}" for name in wrong)
        raise BuildError(f"{program} is of another configuration.", f"{shown}.", "See CONFIGURATION in layout.py.")
    return offsets


def _step(workshop: Workshop, product: Product, python: Path) -> Step:
    """The step that compiles all headers, configured as an interpreter says it was."""
    configured = dict(line.split(" ", 1) for line in output((str(python), "-c", CONFIGURATION)).splitlines())
    recipe = Recipe(
        source=product.source,
        kind="tool",
        files={"configuration": "".join(f"#define {name} {value}\n" for name, value in configured.items())},
        commands=(
            ("sh", "-c", LAYOUT_HEADERS),
            # The names that configure knows; those of the Makefile stand among them in what it was configured by.
            ("sh", "-c", "sed -n 's/^# *undef /#define /; s/^#define [A-Za-z_0-9]*$/& /p' pyconfig.h.in > names"),
            ("sh", "-c", "grep -F -f names ../configuration > pyconfig.h"),
            ("cc", *FLAGS, "-c", "layout.c", "-o", "layout.o"),
            make_out(""),
            ("cp", "layout.o", "../out/layout.o"),
        ),
    )
    return workshop.step(product, "layout", recipe)
