"""Builds the extension modules of CPython's tests, which the layer's interpreter ships without.

They are compiled like the interpreter, but separately, and link to it like a wheel's extension modules. Half of the
tests of the language itself import one of them.
"""

import os
from dataclasses import fields, replace
from pathlib import Path

from builder.console import Terminal
from builder.executors.host import Host
from builder.interpreters.cpython import recipe as cpython
from builder.interpreters.cpython.product import read_modules
from builder.plan.steps import Compile, Step
from builder.recipes import Recipe, make_out
from builder.repository import Repository, load_repository
from builder.run import BuildContext, run_plan
from builder.store import Store
from tools.support.product import PLATFORM, PRODUCT, SOABI, TARGET

FOR_TESTS = ("CPython's own tests", "an example")
"""The reasons in the product's ``modules.toml`` for their absence; tests also import the example modules."""

FOLDER = "lib-dynload"


def recipe(repository: Repository) -> Recipe:
    """CPython's recipe reduced to these modules, each a shared library."""
    interpreter = cpython.recipe(PRODUCT, PLATFORM, repository.files)
    modules = [name for name, why in read_modules(PRODUCT, repository.files).absent.items() if why in FOR_TESTS]
    configure = next(command for command in interpreter.commands if command[0] == "./configure")
    answers = interpreter.files["config.site"].splitlines(keepends=True)
    enabled = tuple(f"py_cv_module_{name}=" for name in modules)
    files = [f"Modules/{name}.{SOABI}.so" for name in modules]
    return replace(
        interpreter,
        environment={**interpreter.environment, "MODULE_BUILDTYPE": "shared", "CFLAGS_NODIST": ""},
        files={"config.site": "".join(line for line in answers if not line.startswith(enabled))},
        commands=(
            tuple(word for word in configure if word != "--disable-test-modules"),
            ("make", *files),
            make_out(FOLDER),
            ("cp", *files, f"../out/{FOLDER}"),
        ),
    )


def build(store: Store, terminal: Terminal) -> tuple[Path, Path]:
    """Builds the modules, or takes them from the store; returns their folder, and this machine's build-python."""
    repository = load_repository()
    by_role = {step.role: step for step in repository.plan(PRODUCT, PLATFORM)}
    host = Host(store.root, store.result(by_role["toolchain"]), os.cpu_count() or 1)
    context = BuildContext(store.root, store, host, terminal)
    wanted = (_modules_step(by_role["cpython"], repository), by_role["build_python"])
    modules, python = run_plan(wanted, context)
    return modules / FOLDER, python / "bin" / TARGET.executable


def _modules_step(interpreter: Step, repository: Repository) -> Step:
    """The step that compiles the modules, derived from the one that compiles the interpreter."""
    work, modules_recipe = interpreter.work, recipe(repository)
    assert isinstance(work, Compile)
    return replace(
        interpreter,
        name=f"tests-of-{interpreter.name}",
        work=replace(work, recipe=modules_recipe),
        values={
            **interpreter.values,
            **{f"recipe's {field.name}": repr(getattr(modules_recipe, field.name)) for field in fields(modules_recipe)},
        },
    )
