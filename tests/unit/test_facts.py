"""builder.plan.facts: a manifest has every recipe as it is carried out, and each choice in it with its reason."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from builder.plan.facts import make_facts
from builder.plan.steps import Compile
from builder.platform import Platform
from builder.recipes import Recipe

from .repository import FILES, PINS, PLATFORMS, PRODUCT, REPOSITORY
from .test_manifest import manifest

MANIFESTS = {platform.cpu.lambda_name: manifest(platform=platform) for platform in PLATFORMS}
on_each_platform = pytest.mark.parametrize("arch", MANIFESTS)
of_each_recipe = pytest.mark.parametrize("role", MANIFESTS["x86_64"]["recipes"])


def tasks(platform: Platform) -> dict[str, Compile]:
    """All that is compiled for a layer, by role."""
    return {step.role: step.work for step in REPOSITORY.plan(PRODUCT, platform) if isinstance(step.work, Compile)}


TASKS = {platform.cpu.lambda_name: tasks(platform) for platform in PLATFORMS}


@on_each_platform
@pytest.mark.parametrize(
    ("role", "word", "why"),
    [
        ("openssl", "no-quic", "not reachable: interpreters do TLS over streams"),
        ("openssl", "enable-ktls", "the kernel encrypts where a program asks for it"),
        ("sqlite", "-DSQLITE_ENABLE_FTS5", "full-text search, as Debian has it"),
        ("zlib", "-DHAVE_HIDDEN", "internal functions are not exported"),
        ("bzip2", "-D_FILE_OFFSET_BITS=64", "as its own makefile has it: files of more than 2 GiB"),
        ("xz", "--disable-nls", "no messages in a library"),
        ("libffi", "FFI_EXEC_STATIC_TRAMP", "closures without writable and executable memory (in fficonfig.h)"),
        ("libuuid", "-D_GNU_SOURCE", "as its own configure has it"),
        ("build_python", "OPT=-DNDEBUG", "no assertions"),
        ("cpython", "--with-computed-gotos", "each instruction jumps to the next by a jump of its own"),
        ("cpython", "--with-readline=no", "there is no terminal on Lambda"),
    ],
)
def test_a_choice_for_each_source_is_in_the_manifest_with_its_reason(arch: str, role: str, word: str, why: str) -> None:
    options = MANIFESTS[arch]["recipes"][role]["options"]
    (option,) = (option for option in options if word in option["text"].split())
    assert option["why"].startswith(why)


@on_each_platform
def test_every_recipe_is_there_with_all_that_its_commands_read(arch: str) -> None:
    assert list(MANIFESTS[arch]["recipes"]) == list(TASKS[arch])
    for role, told in MANIFESTS[arch]["recipes"].items():
        recipe = TASKS[arch][role].recipe
        assert (told["kind"], told["source"]) == (recipe.kind, PINS[recipe.source].name)
        assert told["needs"] == list(recipe.needs)
        assert told["commands"] == [list(command) for command in recipe.commands]
        assert told["environment"] == recipe.environment
        assert {path: file["sha256"] for path, file in told["files"].items()} == {
            path: sha256(text.encode()).hexdigest() for path, text in recipe.files.items()
        }
        assert {path: file["text"] for path, file in told["files"].items() if "text" in file} == {
            path: text for path, text in recipe.files.items() if len(text) <= 8000
        }


@on_each_platform
def test_the_scripts_that_call_the_compiler_are_there_but_for_that_of_the_builds_own_machine(arch: str) -> None:
    for role, told in MANIFESTS[arch]["recipes"].items():
        wrappers = TASKS[arch][role].wrappers
        assert told["scripts"] == {name: text for name, text in wrappers.items() if name != "build-cc"}
    assert set(MANIFESTS[arch]["recipes"]["cpython"]["scripts"]) >= {"cc", "cc-profiled", "cc-link", "ar"}


def test_what_differs_between_the_processors_is_told_for_each() -> None:
    tuning = "-Xclang -tune-cpu -Xclang neoverse-n1"
    wrapper = {arch: [flag["text"] for flag in found["flags"]["wrapper"]] for arch, found in MANIFESTS.items()}
    assert {arch for arch, texts in wrapper.items() if tuning in texts} == {"arm64"}
    configure = {arch: found["recipes"]["xz"]["commands"][0] for arch, found in MANIFESTS.items()}
    hosts = {arch: [word for word in words if word.startswith("--host=")] for arch, words in configure.items()}
    assert hosts == {"x86_64": ["--host=x86_64-linux-gnu"], "arm64": ["--host=aarch64-linux-gnu"]}


def texts_of(recipe: Recipe) -> Iterator[str]:
    for command in recipe.commands:
        yield from command
    yield from (f"{name}={value}" for name, value in recipe.environment.items())
    yield from recipe.environment.values()
    yield from recipe.files.values()


@on_each_platform
@of_each_recipe
def test_no_reason_is_given_for_a_word_that_is_not_passed(arch: str, role: str) -> None:
    recipe = TASKS[arch][role].recipe
    passed = {word for text in texts_of(recipe) for word in text.split()}
    assert recipe.options
    for option in recipe.options:
        assert option.text.split()
        assert {*option.text.split()} <= passed, option


EXPLAINED_BY_THE_PLATFORM = re.compile(r"--host=\S+|--build=x86_64-build-linux-gnu|--with-build-python=\S+|-[co]")
"""What follows from the processor, and how a compiler is called at all."""
COMPILING = ("CFLAGS", "CFLAGS_NODIST", "LDFLAGS", "LINKFORSHARED")


def choices(recipe: Mapping[str, Any]) -> Iterator[str]:
    """The words of a recipe, as a manifest has it, by which its project is told what to be."""
    for command in recipe["commands"]:
        if command[0] == "./configure" or command[:2] == ["perl", "Configure"]:
            yield from (word for word in command[1:] if word.startswith(("-", "no-", "enable-")))
    for line in recipe["files"].get("library.mk", {"text": ""})["text"].splitlines():
        yield from (word for word in line.partition(" ; ")[2].split() if word.startswith("-"))
    for name in COMPILING:
        yield from (word for word in recipe["environment"].get(name, "").split() if word.startswith("-"))


@on_each_platform
@of_each_recipe
def test_no_choice_is_passed_without_a_reason(arch: str, role: str) -> None:
    found = MANIFESTS[arch]
    recipe = found["recipes"][role]
    reasoned = [*recipe["options"], *found["flags"]["compiler"], *found["flags"]["linker"]]
    explained = {word for flag in reasoned for word in flag["text"].split()}
    explained |= {word for option in recipe["options"] for word in option["text"].partition("=")[2].split()}
    passed = set(choices(recipe))
    assert passed
    assert {word for word in passed - explained if not EXPLAINED_BY_THE_PLATFORM.fullmatch(word)} == set()


@pytest.mark.parametrize(("length", "quoted"), [(8000, True), (8001, False)])
def test_a_long_file_is_told_by_its_digest_alone(length: int, quoted: bool) -> None:
    content = "x" * length
    task = TASKS["x86_64"]["zlib"]
    task = replace(task, recipe=replace(task.recipe, files={"a": content}))
    facts = make_facts(
        name="a-1.0-x86_64",
        product=PRODUCT,
        platform=PLATFORMS[0],
        stdlib="lean",
        compiled={"zlib": task},
        compiler=PINS["ziglang"],
        data=(),
        interpreter={},
        files=FILES,
    )
    told = facts["recipes"]["zlib"]["files"]["a"]
    assert told["sha256"] == sha256(content.encode()).hexdigest()
    assert told.get("text") == (content if quoted else None)


def test_what_cpython_says_of_itself_is_which_modules_it_has_and_what_of_its_library_does_not_ship() -> None:
    for found in MANIFESTS.values():
        own = found["interpreter"]
        assert set(own) == {"modules", "omitted"}
        assert "_ssl" in own["modules"]["present"]
        assert own["modules"]["absent"]["_tkinter"] == "needs Tk and a screen"
        assert any("idlelib" in omission["paths"] for omission in own["omitted"])
