"""Product + platform + the repository's files → the steps to a layer, in an order in which inputs come first."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from builder import profile
from builder.errors import BadPins, BadProduct
from builder.executors import FIXED_ENVIRONMENT
from builder.interpreters import load_interpreter
from builder.package_manager import load_package_manager
from builder.pins import Archive, Pins, Source
from builder.plan.facts import make_facts
from builder.plan.keys import Materials
from builder.plan.steps import Assemble, Compile, InstallPackages, Pack, Stdlib, Step, Unpack
from builder.platform import Cpu, Platform
from builder.product import Product
from builder.recipes import Recipe
from builder.toolchain import COMPILER, wrappers

SHARED_PATCHES: tuple[str, ...] = ("needed",)
"""The patch sets of what several products share: libraries, and the tools of a series' variants."""
LIBRARIES_PROFILE = "builder/recipes/libraries.profdata.xz"
CONTENT_POLICY, ELF_POLICY, LIBRARIES_POLICY = (
    f"builder/artifacts/policy/{name}.toml" for name in ("content", "elf", "libraries")
)

_DESCRIPTION = ("kind", "options")
"""Fields of a recipe that only describe it: they are in no compiled step's key."""


def make_plan(
    pins: Pins,
    product: Product,
    platform: Platform,
    machine: Cpu,
    files: Materials,
    stdlib: Stdlib,
    tools: Mapping[str, str],
    packages: InstallPackages | None = None,
) -> tuple[Step, ...]:
    """The steps to a layer; the layer is the last.

    ``machine`` is the processor that the build runs on. ``tools`` are our own tools that decide bytes of the zip, by
    name and version (the compressor). ``packages`` are those to be installed in the layer, if any.

    Raises:
        BadProduct: a file, a patch set or a library that the product names is not there.
    """
    interpreter = load_interpreter(product.interpreter)
    for name in interpreter.FILES:
        if product.file(name) not in files.contents:
            raise BadProduct(f"{product.name} is not complete.", f"There is no {product.file(name)}.", "Add the file.")
    built = compile_steps(pins, product, platform, machine, files)
    tree = _tree_step(pins, product, platform, files, stdlib, tuple(built.values()))
    own_tools = tuple(step for step in built.values() if _is_tool(step))
    installed = (_packages_step(packages, files, own_tools),) if packages else ()
    inputs = (tree, *own_tools, *installed)
    layer = _layer_step(
        pins, product, packages.platform if packages else platform, files, tuple(built.values()), inputs, stdlib, tools
    )
    return (*built.values(), tree, *installed, layer)


def compile_steps(
    pins: Pins, product: Product, platform: Platform, machine: Cpu, files: Materials, runtime: Path | None = None
) -> dict[str, Step]:
    """The compiler, and everything that it compiles, by role; with a profile's ``runtime``, for training."""
    compiler = pins[COMPILER]
    wheel = compiler.for_machine(machine.machine)
    unpacked = Unpack(compiler, wheel)
    code = files.code("builder.unpack")
    steps = {"toolchain": Step("toolchain", "toolchain", unpacked, (), code, _archive_values(compiler, wheel))}
    own = load_interpreter(product.interpreter).recipes(product, platform, files)
    scripts = wrappers(platform, machine, files, training=runtime is not None)
    for role, recipe in _closure(own, platform):
        inputs = (steps["toolchain"], *(steps[need] for need in recipe.needs))
        where = machine if recipe.kind == "tool" else platform.cpu
        if role not in own:
            name, sets, trained, values = role, SHARED_PATCHES, LIBRARIES_PROFILE, {}
        elif recipe.kind == "tool":
            folder = product.folder.rpartition("/")[2]
            name, trained, values = f"{role}-{folder}", "", {"folder": folder}
            sets = tuple(name for name in product.patches if name in SHARED_PATCHES)
        else:
            name, sets, trained, values = product.name, product.patches, product.profile, {"product": product.name}
        source = pins[recipe.source]
        used = _used_wrappers(recipe, scripts)
        profiled = "cc-profiled" in used
        known = _profile(files, trained, source) if profiled and not runtime else None
        if profiled and not known and not runtime:  # nobody has trained it yet
            used["cc-profiled"] = scripts["cc"]
        task = Compile(
            recipe=profile.instrumented(recipe) if runtime else recipe,
            source=source,
            patches={path: files.text(path) for path in patch_paths(source, sets, files, optional=role not in own)},
            wrappers=used,
            machine=platform.cpu.machine,
            epoch=epoch(source),
            profile=known,
            profile_runtime=str(runtime) if profiled and runtime else "",
        )
        name = f"{name}-{where.lambda_name}" + ("-training" if task.profile_runtime else "")
        steps[role] = _compile_step(name, role, task, inputs, files, values)
    return steps


def used_sources(pins: Pins, product: Product, platform: Platform, files: Materials) -> tuple[Source, ...]:
    """The sources of which bytes ship in a product, those of the interpreter's closure and what lies beside it."""
    interpreter = load_interpreter(product.interpreter)
    recipes = [recipe for _, recipe in _closure(interpreter.recipes(product, platform, files), platform)]
    keys = dict.fromkeys((*(recipe.source for recipe in recipes), *interpreter.DATA))
    return tuple(pins[key] for key in keys)


def check_pins(pins: Pins, products: Iterable[Product], platform: Platform, files: Materials) -> None:
    """`BadPins` if a source is pinned for nothing: no product is made of it, and no test needs it."""
    used = {source.key for product in products for source in used_sources(pins, product, platform, files)}
    unused = [
        source.key for source in pins.sources.values() if source.key not in used | {COMPILER} and not source.purpose
    ]
    if unused:
        raise BadPins(
            f"Nothing is made of {', '.join(unused)}.",
            "pins.toml pins it, and no product of products/ and no library that one needs has it as its source.",
            'Add the product (docs/products.md), or remove the pin; what only tests need has `purpose = "tests"`.',
        )


def epoch(source: Source) -> int:
    """SOURCE_DATE_EPOCH of what is compiled of a source, in seconds: the moment it was released.

    Each source has its own, so that a library is the same in every product.
    """
    if source.date is None:
        why = "It is the one date that its build knows."
        raise BadPins(f"{source.key} has no date.", why, "Add the day and minute of its release to pins.toml, in UTC.")
    return int(source.date.timestamp())


def _closure(own: Mapping[str, Recipe], platform: Platform) -> Iterator[tuple[str, Recipe]]:
    """All that the last of an interpreter's recipes needs, by role, each after what it needs itself."""
    seen: dict[str, Recipe] = {}

    def visit(role: str) -> Iterator[tuple[str, Recipe]]:
        if role not in seen:
            seen[role] = recipe = own[role] if role in own else library_recipe(role)(platform)
            for need in recipe.needs:
                yield from visit(need)
            yield role, recipe

    return visit(tuple(own)[-1])


def library_recipe(name: str) -> Callable[[Platform], Recipe]:
    """The recipe of a library: ``builder/recipes/<name>.py``; `BadProduct` if there is none."""
    module = f"builder.recipes.{name}"
    try:
        recipe: Callable[[Platform], Recipe] = import_module(module).recipe
    except ModuleNotFoundError as error:
        if error.name != module:  # it is there, and something that it imports is not
            raise
        raise BadProduct(
            f"There is no library {name!r}.", f"builder/recipes/{name}.py is missing.", "Add it: docs/products.md."
        ) from error
    return recipe


def _compile_step(
    name: str, role: str, task: Compile, inputs: tuple[Step, ...], files: Materials, values: Mapping[str, str]
) -> Step:
    recipe, source = task.recipe, task.source
    described = {
        f"recipe's {field.name}": _sha256(repr(getattr(recipe, field.name)))
        for field in fields(recipe)
        if field.name not in _DESCRIPTION
    }
    return Step(
        name,
        role,
        task,
        inputs,
        {
            **files.code("builder.steps.compile"),
            **{path: files.sha256[path] for path in (*task.patches, *((task.profile.path,) if task.profile else ()))},
        },
        {
            **values,
            **_archive_values(source, source.archives),
            **described,
            "order of patches": _sha256(repr(task.patches)),
            "wrappers": _sha256(repr(task.wrappers)),
            "environment": _sha256(repr((FIXED_ENVIRONMENT, task.epoch))),
        },
    )


def _tree_step(
    pins: Pins, product: Product, platform: Platform, files: Materials, stdlib: Stdlib, inputs: tuple[Step, ...]
) -> Step:
    interpreter = load_interpreter(product.interpreter)
    data = tuple(pins[key] for key in interpreter.DATA)
    values: dict[str, str] = {"product": product.name, "platform": str(platform), "stdlib": stdlib}
    for source in data:
        values |= _archive_values(source, source.archives)
    return Step(
        f"tree-{product.name}-{platform.cpu.lambda_name}-{stdlib}",
        "tree",
        Assemble(
            product, platform, stdlib, data, {name: files.text(product.file(name)) for name in interpreter.TREE_FILES}
        ),
        inputs,
        {
            **files.code(interpreter.assemble.__module__),
            **{path: files.sha256[path] for path in map(product.file, interpreter.TREE_FILES)},
        },
        values,
    )


def _packages_step(task: InstallPackages, files: Materials, inputs: tuple[Step, ...]) -> Step:
    manager = load_package_manager(task.product.interpreter)
    return Step(
        f"packages-{task.product.name}-{task.platform.cpu.lambda_name}",
        "packages",
        task,
        inputs,
        # The policies say what compiled code of packages may be, and may need.
        {
            **files.code(manager.install_packages.__module__),
            **{path: files.sha256[path] for path in (ELF_POLICY, LIBRARIES_POLICY)},
        },
        {
            **{f"package {package.name}": _sha256(str(package)) for package in task.packages},
            "product": task.product.name,
            "platform": str(task.platform),
            "installer": task.installer,
        },
    )


def _layer_step(
    pins: Pins,
    product: Product,
    platform: Platform,
    files: Materials,
    built: tuple[Step, ...],
    inputs: tuple[Step, ...],
    stdlib: Stdlib,
    tools: Mapping[str, str],
) -> Step:
    """``built`` is what was compiled; ``inputs`` are the tree, the interpreter's tools and the packages, if any."""
    interpreter = load_interpreter(product.interpreter)
    packages = any(step.role == "packages" for step in inputs)
    name = (
        product.stem(platform.cpu.lambda_name)
        + ("-full" if stdlib == "full" else "")
        + ("-packages" if packages else "")
    )
    compiled = {step.role: step.work for step in built if isinstance(step.work, Compile)}
    facts = make_facts(
        name=name,
        product=product,
        platform=platform,
        stdlib=stdlib,
        compiled=compiled,
        compiler=pins[COMPILER],
        data=tuple(pins[key] for key in interpreter.DATA),
        interpreter=interpreter.facts(product, files),
        files=files,
    )
    own = interpreter.rules()
    rules = {"content": files.toml(CONTENT_POLICY), "elf": files.toml(ELF_POLICY)}
    rules["elf"] |= {
        "exports": own["exports"],
        "required": {**rules["elf"]["required"], **own["required"]},
        "needed": [*rules["elf"]["needed"], *product.libraries],
    }
    linked = tuple(dict.fromkeys(task.source.name for task in compiled.values() if task.recipe.kind != "tool"))
    folder = f"runtime/{product.runtime}"
    runtime = {path.removeprefix(f"{folder}/"): files.contents[path] for path in files.below(folder)}
    task = Pack(product, platform, name, facts, rules, linked, runtime)
    return Step(
        f"layer-{product.name}-{platform.cpu.lambda_name}-{stdlib}" + ("-packages" if packages else ""),
        "layer",
        task,
        inputs,
        {
            **files.code("builder.artifacts.pack", interpreter.lay_runtime.__module__, interpreter.origins.__module__),
            **files.below(folder),
        },
        {**tools, "facts": _sha256(json.dumps(facts)), "rules": _sha256(json.dumps(rules)), "shebang": product.shebang},
    )


def _is_tool(step: Step) -> bool:
    return isinstance(step.work, Compile) and step.work.recipe.kind == "tool"


def patch_paths(source: Source, sets: Iterable[str], files: Materials, *, optional: bool) -> Iterator[str]:
    """Paths of a source's patches, in the order of applying: each set's file ``series`` names its own.

    If they are ``optional``, a source without a folder of patches has none.

    Raises:
        BadProduct: a set or a patch is not there, or a patch stands in no series.
    """
    root = f"patches/{source.name}/{source.series}"
    if optional and not files.below(root):
        return
    for name in sets:
        folder = f"{root}/{name}"
        if f"{folder}/series" not in files.contents:
            raise BadProduct(
                f"{source.name} has no patch set {name!r}.", f"There is no {folder}/series.", "Add it: it may be empty."
            )
        lines = (line.partition("#")[0].strip() for line in files.text(f"{folder}/series").splitlines())
        named = [f"{folder}/{line}" for line in lines if line]
        there = set(files.below(folder)) - {f"{folder}/series"}
        if problems := [
            *(f"{path} is named there, and missing" for path in named if path not in there),
            *(f"{path} is not named there" for path in sorted(there - set(named))),
        ]:
            raise BadProduct(f"{folder}/series is not right.", "; ".join(problems) + ".", "Correct the series.")
        yield from named


def _profile(files: Materials, path: str, source: Source) -> profile.Profile | None:
    """The profile at a path; None if there is no path, or if it was trained without this source."""
    found = profile.read_profile(files, path) if path else None
    return found if found and source.name in found.functions else None


def _used_wrappers(recipe: Recipe, scripts: Mapping[str, str]) -> dict[str, str]:
    """Only the scripts that a recipe mentions: a tool must not depend on the platform's processor."""
    mentioned = set(re.split(r"[^\w-]+", repr((recipe.commands, recipe.environment, recipe.files))))
    return {name: text for name, text in scripts.items() if name in mentioned}


def _archive_values(source: Source, archives: Iterable[Archive]) -> dict[str, str]:
    """Any form of a source leads to the same result, so all of them are key inputs, whichever is at hand."""
    return {
        f"source {source.key}": _sha256("".join(sorted(archive.sha256 for archive in archives))),
        f"licences of {source.key}": _sha256(repr((source.name, source.licence_files))),
    }


def _sha256(data: str) -> str:
    return hashlib.sha256(data.encode()).hexdigest()
