"""builder.plan.keys: the code in a step's key is all that carries the step out, and no other."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from builder.plan.keys import NEUTRAL, Materials

from .fakes import ROOT
from .repository import FILES
from .test_plan import COMPILED, ENDING, EVERYTHING, PACKAGES, changed, planned, with_file

CPYTHON = "builder/interpreters/cpython"
STEPS = planned(packages=PACKAGES)
TREE = {"tree", "layer"}
INSTALLED = {"packages", "layer"}

COMPILING = {"packages", *COMPILED, *ENDING}

# The loop is bundled and compiled, and packages are compiled, by the same code as the library.
CODE: dict[str, set[str]] = {
    "builder/unpack.py": {"packages", *EVERYTHING},
    "builder/profile.py": COMPILING,
    **{f"builder/steps/{name}.py": COMPILING for name in ("compile", "licences")},
    **{f"{CPYTHON}/{name}.py": TREE | INSTALLED for name in ("assemble", "bytecode", "product", "relocate", "trim")},
    **{f"{CPYTHON}/{name}.py": {"layer"} for name in ("runtime", "startup_bundle", "origins")},
    **{
        f"{CPYTHON}/packages/{name}.py": INSTALLED
        for name in ("abi", "install", "requirement_lines", "requirements", "step", "wheels")
    },
    f"{CPYTHON}/target.py": INSTALLED,
    **{f"builder/artifacts/{name}.py": {"layer"} for name in ("manifest", "pack", "tree")},
    **{f"builder/artifacts/{name}.py": INSTALLED for name in ("audit", "deterministic_zip", "packages")},
    **{f"builder/artifacts/policy/{name}.toml": INSTALLED for name in ("elf", "libraries")},
    "builder/interpreters/__init__.py": {"layer"},
}
"""File → the steps that have to run again for a remark in it; for one in any other file of ``builder/``, none."""


@pytest.mark.parametrize("path", CODE)
def test_other_code_rebuilds_what_it_carries_out(path: str) -> None:
    assert path in FILES.contents
    assert changed(planned(packages=PACKAGES, files=with_file(path)), STEPS) == CODE[path]


def test_without_packages_the_code_that_installs_them_rebuilds_nothing() -> None:
    own = [path for path in CODE if path.startswith((f"{CPYTHON}/packages/", f"{CPYTHON}/target.py"))]
    assert len(own) == 7
    for path in own:
        assert changed(planned(files=with_file(path))) == set()


@pytest.mark.parametrize(
    "folder",
    [
        *("aws", "cli", "emulator", "executors", "fetch", "functions", "oci", "plan", "recipes", "update"),
        *("artifacts", "interpreters"),
    ],
)
def test_a_remark_in_other_code_of_a_folder_rebuilds_nothing(folder: str) -> None:
    others = [path for path in FILES.below(f"builder/{folder}") if path.endswith(".py") and path not in CODE]
    assert others
    for path in others:
        assert changed(planned(packages=PACKAGES, files=with_file(path)), STEPS) == set(), path


@pytest.mark.parametrize(
    "path",
    [
        *(path for path in FILES.below("builder") if path.count("/") == 1 and path.endswith((".py", ".toml"))),
        *(f"products/cpython-3.13/{name}.toml" for name in ("product", "configure", "modules", "regrtest")),
        "products/cpython-3.13/fast.profdata.toml",
        "builder/artifacts/policy/content.toml",
        "builder/artifacts/manifest.schema.json",
    ],
)
def test_a_remark_in_what_only_describes_steps_rebuilds_nothing(path: str) -> None:
    expected = CODE.get(path, set())
    assert changed(planned(packages=PACKAGES, files=with_file(path)), STEPS) == expected


def test_a_remark_in_the_products_omissions_makes_the_tree_again() -> None:
    assert changed(planned(files=with_file("products/cpython-3.13/omissions.toml"))) == TREE


# Against Python's own idea of what a name is.


def imported(path: str) -> Iterator[str]:
    """The modules that a file imports at whatever place, as Python finds them."""
    for node in ast.walk(ast.parse(FILES.text(path))):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                for alias in node.names:
                    whole = f"{module}.{alias.name}"
                    yield whole if _is_module(whole) else module
            case ast.ImportFrom():
                pytest.fail(f"{path} imports relatively, which keys do not follow")


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what stands before the last dot is no package
        return False


def file_of(module: str) -> str:
    """Its path from the repository's root; empty for what is none of the repository's."""
    spec = find_spec(module)
    origin = Path(spec.origin) if spec and spec.origin and spec.has_location else Path("/")
    return origin.relative_to(ROOT).as_posix() if origin.is_relative_to(ROOT / "builder") else ""


def is_neutral(module: str) -> bool:
    return module == "builder" or any(
        module == name or module.startswith(f"{name}.") for name in NEUTRAL if name != "builder"
    )


STARTING_POINTS = {
    "toolchain": ("builder/unpack.py",),
    **dict.fromkeys(COMPILED, ("builder/steps/compile.py",)),
    "tree": (f"{CPYTHON}/assemble.py",),
    "packages": (f"{CPYTHON}/packages/step.py",),
    "layer": ("builder/artifacts/pack.py", f"{CPYTHON}/runtime.py", f"{CPYTHON}/origins.py"),
}
"""The step → the code by which it begins."""


@pytest.mark.parametrize("role", STARTING_POINTS)
def test_the_code_in_a_steps_key_is_all_that_its_code_imports_but_for_what_is_neutral(role: str) -> None:
    left, reached = [*STARTING_POINTS[role]], set[str]()
    while left:
        current = left.pop()
        reached.add(current)
        found = {file_of(module) for module in imported(current) if not is_neutral(module)}
        left += found - reached - {""}
    code = {path for path in STEPS[role].files if path.startswith("builder/") and path.endswith(".py")}
    assert code == reached
    assert {path: STEPS[role].files[path] for path in code}.items() <= FILES.sha256.items()


def test_packages_on_the_way_to_a_module_of_a_key_do_nothing() -> None:
    """Python runs a package's ``__init__`` before its modules: it may say what is in it, and that is all."""
    keyed = {path for step in STEPS.values() for path in step.files if path.endswith(".py")}
    keyed = {path for path in keyed if path.startswith("builder/")}
    packages = {f"{folder}/__init__.py" for path in keyed for folder in map(str, Path(path).parents) if folder != "."}
    packages -= keyed | {f"{name.replace('.', '/')}/__init__.py" for name in NEUTRAL}
    assert f"{CPYTHON}/__init__.py" in packages
    for path in packages:
        for node in ast.parse(FILES.text(path)).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            names = isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
            assert docstring or names or isinstance(node, ast.ImportFrom), f"{path}:{node.lineno}"


def test_neutral_modules_are_there_and_each_has_a_reason() -> None:
    for name, why in NEUTRAL.items():
        base = name.replace(".", "/")
        assert f"{base}.py" in FILES.contents or f"{base}/__init__.py" in FILES.contents, name
        assert why.strip(), name


def test_every_neutral_module_is_imported_by_code_that_keys_hold() -> None:
    keyed = {path for step in STEPS.values() for path in step.files if path.startswith("builder/")}
    used = {module for path in keyed if path.endswith(".py") for module in imported(path)}
    for name in NEUTRAL:
        assert [module for module in used if module == name or module.startswith(f"{name}.")], name


# In small.


def code(start: str, **modules: str) -> set[str]:
    """The modules that are code of one, among some; ``a__b`` is ``a.b``, and ``a`` a package if there is one."""
    named = {name.replace("__", "/"): text for name, text in modules.items()}
    packages = {name.partition("/")[0] for name in named if "/" in name}
    contents = {f"{name}/__init__.py" if name in packages else f"{name}.py": text for name, text in named.items()}
    found = Materials({path: text.encode() for path, text in contents.items()}).code(start)
    return {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import b", {"a", "b"}),
        ("import p.m", {"a", "p.m"}),
        ("from p import m", {"a", "p.m"}),
        ("from p import name", {"a", "p", "b"}),
        ("from p.m import name", {"a", "p.m"}),
        ("from p import m as other, name", {"a", "p", "p.m", "b"}),
        ("def f():\n    import b", {"a", "b"}),
        ("try:\n    import b\nexcept ImportError:\n    pass", {"a", "b"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import b", {"a"}),
        ("import os\nimport os.path\nfrom json import dumps", {"a"}),
        ("from b import *", {"a", "b"}),
        ("import a", {"a"}),
    ],
)
def test_code_is_what_is_imported_and_what_that_imports(text: str, expected: set[str]) -> None:
    assert code("a", a=text, b="import a", p="from b import x\nname = 1", p__m="name = 2") == expected


def test_what_is_below_a_neutral_module_is_neutral_too_and_what_is_called_alike_is_not() -> None:
    contents = {
        "a.py": b"import builder.fetch.url\nimport builder.fetching\nfrom builder import ROOT, unpack",
        **dict.fromkeys(
            ("builder/__init__.py", "builder/fetch/url.py", "builder/fetching.py", "builder/unpack.py"), b""
        ),
    }
    assert set(Materials(contents).code("a")) == {"a.py", "builder/fetching.py", "builder/unpack.py"}
