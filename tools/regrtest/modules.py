"""The extension modules that CPython's tests bring along, for an interpreter that ships without them.

They are compiled as the interpreter was, but apart from it, and link to it as a module of a wheel does. Half of the
tests of the language itself import one of them.
"""

import os
from dataclasses import fields, replace
from pathlib import Path

from builder.console import Terminal
from builder.executors.host import Host
from builder.interpreters.cpython import recipe as cpython
from builder.interpreters.cpython.product import read_modules
from builder.plan.make import epoch
from builder.plan.steps import Compile, Step
from builder.recipes import Recipe, make_out
from builder.repository import Repository, load_repository
from builder.run import BuildContext, run_plan
from builder.store import Store
from tools.support.product import PLATFORM, PRODUCT, TARGET

FOR_TESTS = ("CPython's own tests", "an example")
"""Why the layer is without them, in the product's ``modules.toml``; tests import the examples like their own."""

FOLDER = "lib-dynload"


def recipe(repository: Repository) -> Recipe:
    """CPython's, cut down to these modules, each a shared library."""
    interpreter = cpython.recipe(PRODUCT, PLATFORM, repository.files)
    made = [name for name, why in read_modules(PRODUCT, repository.files).absent.items() if why in FOR_TESTS]
    configure = next(command for command in interpreter.commands if command[0] == "./configure")
    answers = interpreter.files["config.site"].splitlines(keepends=True)
    unanswered = tuple(f"py_cv_module_{name}=" for name in made)
    suffix = f"cpython-{TARGET.abi.removeprefix('cp')}-{PLATFORM.triplet}.so"
    files = [f"Modules/{name}.{suffix}" for name in made]
    return replace(
        interpreter,
        environment={**interpreter.environment, "MODULE_BUILDTYPE": "shared", "CFLAGS_NODIST": ""},
        files={"config.site": "".join(line for line in answers if not line.startswith(unanswered))},
        commands=(
            tuple(word for word in configure if word != "--disable-test-modules"),
            ("make", *files),
            make_out(FOLDER),
            ("cp", *files, f"../out/{FOLDER}"),
        ),
    )


def compiled(cache: Path, terminal: Terminal) -> tuple[Path, Path]:
    """The folder with the modules, and this machine's build-python; they are in the store, or made."""
    repository, store = load_repository(), Store(cache)
    steps = repository.plan(PRODUCT, PLATFORM)
    by_role = {step.role: step for step in steps}
    host = Host(cache, store.result(by_role["toolchain"]), epoch(repository.pins, PRODUCT), os.cpu_count() or 1)
    site = BuildContext(cache, store, host, terminal)
    position = steps.index(by_role["cpython"])
    made = run_plan((*steps[:position], _beside(by_role["cpython"], repository)), site) / FOLDER
    python = run_plan((by_role["toolchain"], by_role["build_python"]), site) / "bin" / TARGET.executable
    return made, python


def _beside(interpreter: Step, repository: Repository) -> Step:
    """The step that compiles them, made of the one that compiles the interpreter."""
    work, made = interpreter.work, recipe(repository)
    assert isinstance(work, Compile)
    return replace(
        interpreter,
        name=f"tests-of-{interpreter.name}",
        work=replace(work, recipe=made),
        values={
            **interpreter.values,
            **{f"recipe's {field.name}": repr(getattr(made, field.name)) for field in fields(made)},
        },
    )
