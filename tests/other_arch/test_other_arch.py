"""A machine of the other architecture gives the same bytes, with its own compiler, Python and tools.

It is a container with programs for that architecture only, run under qemu. What would take hours (OpenSSL, SQLite, xz
and the interpreter) comes from this machine's build. The interpreter, which is for that architecture, replaces the
build-python there, which is the same CPython.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import pytest

from builder import ARCH_VARIABLE
from builder.console import Terminal
from builder.context import cache_folder
from builder.errors import BuildError
from builder.executors import Executor
from builder.executors.container import container_executor
from builder.executors.engine import connect
from builder.executors.host import Host
from builder.executors.images import Images
from builder.fetch import file_sha256
from builder.flags import words
from builder.interpreters.cpython import recipe as cpython
from builder.plan.keys import read_materials
from builder.plan.steps import Compile, Step
from builder.platform import CPUS, Cpu, this_machine
from builder.recipes import Recipe, make_out
from builder.run import BuildContext, run_plan
from builder.store import Store
from builder.toolchain import COMPILER_FLAGS, INTERPRETER_FLAGS, INTERPRETER_LINKER_FLAGS, LINKER_FLAGS, wrappers
from tests.builds.build_cache import SHORT, planned
from tools.support.product import PLATFORM, PRODUCT

IMAGE = "debian13"
HERE = this_machine()
THERE = next(cpu for cpu in CPUS if cpu != HERE)

PROGRAM = Recipe(
    "zlib",
    (
        ("cc", *words(COMPILER_FLAGS + INTERPRETER_FLAGS), "-I.", "-c", "test/minigzip.c", "-o", "minigzip.o"),
        ("cc-builtins", "builtins.o", "__udivti3"),
        make_out("bin"),
        (
            *("cc-link", *words(LINKER_FLAGS + INTERPRETER_LINKER_FLAGS), "-Wl,--undefined=__udivti3"),
            *("-Wl,--export-dynamic", "-Wl,--version-script=../exports.map"),
            *("minigzip.o", "builtins.o", "-L../deps/zlib/lib", "-lz", "-o", "../out/bin/minigzip"),
        ),
    ),
    needs=("zlib",),
    files={"exports.map": "{ global: main; local: *; };"},
)
"""A small program, linked like the interpreter."""

FREEZE = r"""
sed -n 's/^\t$(FREEZE_MODULE[A-Z_]*) \(.*\)/\1/p' Makefile.pre.in | sed 's/$(srcdir)/./' | while read -r words; do
    "$0" Programs/_freeze_module.py $words
done
cp -R Python/frozen_modules ../out"""
"""Runs the makefile's rules for frozen modules: ``$(FREEZE_MODULE) name $(srcdir)/Lib/name.py header``."""


def frozen() -> Recipe:
    """Builds only the interpreter's frozen modules."""
    interpreter = cpython.recipe(PRODUCT, PLATFORM, read_materials())
    prepare = interpreter.commands[0]
    return Recipe(
        PRODUCT.source, (prepare, ("sh", "-euc", FREEZE, prepare[0])), ("build_python",), interpreter.environment
    )


@dataclass(frozen=True)
class Machine:
    """A machine to build on."""

    cpu: Cpu
    steps: dict[str, Step]
    context: BuildContext

    def run(self, step: Step) -> dict[str, str]:
        """Runs a step, after its inputs; returns path → sha256 of its result."""
        (folder,) = run_plan((step,), self.context)
        files = (path for path in folder.rglob("*") if path.is_file() and path != folder / "step.json")
        return {str(path.relative_to(folder)): file_sha256(path) for path in files}

    def run_recipe(self, name: str, recipe: Recipe) -> dict[str, str]:
        """The same for a recipe of this test, as a step that replaces its source's own."""
        own = next(step for step in self.steps.values() if _source(step) == recipe.source)
        assert isinstance(own.work, Compile)
        work = replace(own.work, recipe=recipe, wrappers=wrappers(PLATFORM, self.cpu, read_materials()), profile=None)
        added = {field.name: repr(getattr(recipe, field.name)) for field in fields(recipe)}
        inputs = (self.steps["toolchain"], *(self.steps[need] for need in recipe.needs))
        return self.run(Step(name, name, work, inputs, own.files, {**own.values, **added}))


def _source(step: Step) -> str:
    """Key of the source that a step compiles with the platform's compiler; empty if it is of another kind."""
    return step.work.source.key if isinstance(step.work, Compile) and step.work.recipe.kind != "tool" else ""


def with_inputs(step: Step, *replacements: Step) -> Step:
    """A step with some of its inputs replaced."""
    changed = {each.role: each for each in replacements}
    return replace(step, inputs=tuple(changed.get(each.role, each) for each in step.inputs))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with this machine's results, and none of the other machine's."""
    if PLATFORM.cpu != THERE:
        pytest.fail(f"this builds for the other architecture: {ARCH_VARIABLE}={THERE.lambda_name}", pytrace=False)
    users, store = Store(cache_folder()), Store(tmp_path_factory.mktemp("other-arch"))
    for step in planned().values():
        if not users.has(step):
            pytest.fail(f"{users.root} has no {step.name} of this plan: run `nox -s build_layer`", pytrace=False)
        store.result(step).parent.mkdir(parents=True)
        store.result(step).symlink_to(users.result(step))
    interpreter = planned()["cpython"]
    shutil.copytree(users.result(interpreter), store.result(as_build_python(interpreter)), symlinks=True)
    return store


def as_build_python(interpreter: Step) -> Step:
    """The interpreter as build-python; both have the same layout."""
    return replace(interpreter, name=f"build_python-{PRODUCT.name}-{THERE.lambda_name}", role="build_python")


def host(cpu: Cpu, store: Store) -> Host:
    return Host(store.root, store.result(planned(cpu)["toolchain"]), 2)


def machine(cpu: Cpu, store: Store, executor: Executor) -> Machine:
    steps = dict(planned(cpu))
    if cpu == THERE:
        steps["build_python"] = as_build_python(planned()["cpython"])
    return Machine(cpu, steps, BuildContext(cache_folder(), store, executor, Terminal()))


@pytest.fixture(scope="module")
def here(store: Store) -> Machine:
    return machine(HERE, store, host(HERE, store))


@pytest.fixture(scope="module")
def there(store: Store) -> Iterator[Machine]:
    try:
        with connect() as engine:
            image = Images(engine, cache_folder(), Terminal(), machine=THERE.machine).build_image(IMAGE)
            with container_executor(engine, image, host(THERE, store)) as executor:
                executor.prepare()
                yield machine(THERE, store, executor)
    except BuildError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.parametrize("name", SHORT)
def test_libraries_are_the_same(here: Machine, there: Machine, name: str) -> None:
    assert there.run(there.steps[name]) == here.run(here.steps[name])


def test_a_program_is_the_same(here: Machine, there: Machine) -> None:
    assert there.run_recipe("program", PROGRAM) == here.run_recipe("program", PROGRAM)


def test_frozen_modules_are_the_same(here: Machine, there: Machine) -> None:
    headers = here.run_recipe("frozen", frozen())
    assert len(headers) > 20
    assert there.run_recipe("frozen", frozen()) == headers


def test_the_layer_is_the_same(here: Machine, there: Machine) -> None:
    """The other machine's Python writes the library's bytecode and the loop's bundle."""
    python, layer = there.steps["build_python"], here.steps["layer"]
    assert there.run(with_inputs(layer, with_inputs(here.steps["prefix"], python), python)) == here.run(layer)
