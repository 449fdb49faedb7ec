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
from builder.pins import load_pins
from builder.plan import Compile, Step, epoch, make_plan, read_materials
from builder.platform import Target, this_machine
from builder.recipes import Recipe, make_out
from builder.run import BuildContext, run_plan
from builder.store import Store

FOR_TESTS = ("CPython's own tests", "an example")
"""Why the layer is without them, in ``builder/policy/modules.toml``; tests import the examples like their own."""

FOLDER = "lib-dynload"


def recipe(target: Target) -> Recipe:
    """CPython's, cut down to these modules, each a shared library."""
    interpreter = cpython.recipe(target)
    made = [name for name, why in cpython.read_modules().absent.items() if why in FOR_TESTS]
    configure = next(command for command in interpreter.commands if command[0] == "./configure")
    answers = interpreter.files["config.site"].splitlines(keepends=True)
    unanswered = tuple(f"py_cv_module_{name}=" for name in made)
    suffix = f"cpython-{target.series.replace('.', '')}-{target.triplet}.so"
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


def compiled(target: Target, cache: Path, terminal: Terminal) -> tuple[Path, Path]:
    """The folder with the modules, and this machine's build-python; they are in the store, or made."""
    pins, store = load_pins(), Store(cache)
    steps = make_plan(pins, target, this_machine(), read_materials(), "lean", {})
    position = next(position for position, step in enumerate(steps) if step.name.startswith("cpython"))
    build_python = next(step for step in steps if step.name.startswith("build_python"))
    host = Host(cache, store.result(steps[0]), epoch(pins, target), os.cpu_count() or 1)
    site = BuildContext(cache, store, host, terminal)
    made = run_plan((*steps[:position], _beside(steps[position], target)), site) / FOLDER
    return made, run_plan((steps[0], build_python), site) / "bin" / f"python{target.series}"


def _beside(interpreter: Step, target: Target) -> Step:
    """The step that compiles them, made of the one that compiles the interpreter."""
    work, made = interpreter.work, recipe(target)
    assert isinstance(work, Compile)
    return replace(
        interpreter,
        name=interpreter.name.replace("cpython", "cpython_tests"),
        work=replace(work, recipe=made),
        key_inputs={
            **interpreter.key_inputs,
            **{f"recipe's {field.name}": repr(getattr(made, field.name)) for field in fields(made)},
        },
    )
