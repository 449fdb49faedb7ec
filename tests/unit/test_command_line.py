"""python -m builder, as a process: exit codes, one clear message on standard error, never a traceback."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from builder import cli, layers
from builder.console import Terminal
from builder.executors.tools import TOOLS
from builder.recipes import zlib
from builder.store import Store

from .fake_engine import run_engine
from .fakes import ROOT, PrivateMount, is_running, toml, wait_until
from .repository import PLATFORMS, REPOSITORY

NOTHING: Mapping[str, str] = MappingProxyType({})
PRODUCT = REPOSITORY.products.default
ROLES = [step.role for step in REPOSITORY.plan(PRODUCT, PLATFORMS[0])]


@dataclass(frozen=True)
class CommandLine:
    """The builder of one checkout, with a cache of its own and no way to the network or to an engine."""

    root: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def variables(self, changes: Mapping[str, str] = NOTHING) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "STATIC_PYTHON_"))}
        empty = self.folder / "no-wheels"
        empty.mkdir(exist_ok=True)
        own = {
            "STATIC_PYTHON_CACHE": str(self.cache),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(empty),
            "DOCKER_HOST": f"unix://{self.folder}/no.sock",
        }
        return {**kept, **own, **self.environment, **changes}

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "builder", *arguments)

    def run(self, *arguments: str, **changes: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.variables(changes),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def build(self, *arguments: str, **changes: str) -> tuple[int, str]:
        """Exit code and standard error of a build that cannot get to its end, with one step after the other."""
        command = ("build-layer", f"--output={self.folder / 'dist'}", "--jobs=1", *arguments)
        code, out, err = self.run(*command, **changes)
        assert out == ""
        assert not (self.folder / "dist").exists()
        return code, err


def complaint(err: str) -> tuple[str, str, str]:
    """What failed, why, and what to do: the end of what was said."""
    found = re.fullmatch(r"(?:.*\n)?error: (.+?)\n  why: (.+?)\n  do:  (.+)\n", err, re.DOTALL)
    assert found is not None, err
    return found[1], found[2], found[3]


@pytest.fixture
def builder(tmp_path: Path) -> CommandLine:
    """The builder of this repository."""
    return CommandLine(ROOT, tmp_path)


# What can be asked for.


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--python=3.12", "cpython-3.12"),
        ("--python=2.7", "cpython-2.7"),
        ("--python=3.13.15", "cpython-3.13.15"),
        ("--python=three", "cpython-three"),
        ("--product=ruby-3.4", "ruby-3.4"),
        ("--product=", ""),
        ("-pruby-*", "ruby-*"),
        ("--product=../products/cpython-3.13", "../products/cpython-3.13"),
    ],
)
def test_an_unknown_product_is_refused_with_the_known_ones(builder: CommandLine, option: str, name: str) -> None:
    code, err = builder.build(option)
    what, why, do = complaint(err)
    assert code == 3
    assert what == f"There is no product {name!r}."
    assert "cpython-3.13" in why
    assert do == f"Pass --product {PRODUCT.name}, or a glob: --product 'cpython-*'."
    assert not builder.cache.exists()


def test_an_unknown_product_of_the_environment_is_refused_too_and_an_option_counts_for_more(
    builder: CommandLine,
) -> None:
    code, err = builder.build(STATIC_PYTHON_PRODUCT="ruby-3.4")
    assert (code, complaint(err)[0]) == (3, "There is no product 'ruby-3.4'.")
    code, out, err = builder.run("build-layer", "--plan", "--python=3.13", STATIC_PYTHON_PRODUCT="ruby-3.4")
    assert (code, err) == (0, "")
    assert "layer-cpython-3.13-x86_64-lean" in out


@pytest.mark.parametrize("arch", ["riscv64", "aarch64", ""])
def test_an_unknown_architecture_is_refused_with_the_known_ones(builder: CommandLine, arch: str) -> None:
    code, err = builder.build(f"--arch={arch}")
    what, why, do = complaint(err)
    assert code == 3
    assert repr(arch) in what
    assert "x86_64" in why
    assert do == "Pass --arch x86_64."
    assert not builder.cache.exists()


@pytest.mark.parametrize("asked", [("--in=container",), ("--image=debian11",)])
def test_a_container_that_is_asked_for_takes_an_engine(
    builder: CommandLine, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    code, err = builder.build(*asked, DOCKER_HOST=f"unix://{tmp_path}/docker.sock")
    what, why, do = complaint(err)
    assert code == 21
    assert "engine" in what
    assert f"{tmp_path}/docker.sock: No such file or directory" in why
    assert "--in=host" in do


def where(err: str) -> list[str]:
    """What was said of the executor."""
    return [line.strip() for line in err.splitlines() if "building on" in line or "building in" in line]


def test_a_build_says_in_one_line_that_it_is_on_the_host_and_why(builder: CommandLine) -> None:
    _, err = builder.build()
    reason = f"No container engine answers that we may use. unix://{builder.folder}/no.sock: No such file or directory."
    assert where(err) == [f"building on the host. {reason}"]


def test_a_build_does_not_download_an_image_unasked(builder: CommandLine) -> None:
    with run_engine(builder.folder / "docker.sock") as engine:
        code, err = builder.build(DOCKER_HOST=f"unix://{builder.folder}/docker.sock")
    assert code == 12  # the compiler's wheel: the build went on
    (line,) = where(err)
    assert line.startswith("building on the host. The image al2023 is not at hand.")
    assert "--in=container" in line
    assert engine.asked_for == []


def test_who_asks_for_the_host_is_told_nothing_of_it(builder: CommandLine) -> None:
    _, err = builder.build("--in=host")
    assert where(err) == []


@pytest.mark.parametrize("finished", [True, False])
def test_an_engine_is_asked_only_if_something_has_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setenv("STATIC_PYTHON_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("STATIC_PYTHON_SOURCES", raising=False)
    monkeypatch.setattr(Store, "has", lambda *_: finished)
    for name, result in {"run_plan": (tmp_path,), "attest": {}, "export": ()}.items():
        monkeypatch.setattr(layers, name, lambda *_, result=result: result)
    with run_engine(tmp_path / "docker.sock") as engine:
        cli.build_layer(cli.make_parser().parse_args(["build-layer"]), Terminal())
    assert bool(engine.requests) is not finished


def test_packages_that_are_not_locked_are_refused_before_anything_is_built(builder: CommandLine) -> None:
    packages = builder.folder / "packages.txt"
    packages.write_text("six==1.17.0\n", encoding="utf-8")
    code, err = builder.build(f"--packages={packages}")
    what, why, _ = complaint(err)
    assert code == 24
    assert str(packages) in what
    assert why == f"{packages}, line 1: six==1.17.0: has no hash"
    assert not builder.cache.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-command",),
        ("build-layer", "--runtime=python3.13"),
        ("build-layer", "--stdlib=fat"),
        ("build-layer", "--in=garden"),
        ("build-layer", "--jobs=many"),
        ("build-layer", "--no-such"),
        ("build-layer", "--jobs=0"),
        ("store",),
        ("store", "size", "--keep=1"),
        ("store", "prune", "--keep=-1"),
        ("store", "prune", "--older-than=week"),
        ("store", "prune", "--keep=1", "--older-than=1"),
    ],
)
def test_a_wrong_command_line_shows_the_usage(builder: CommandLine, arguments: tuple[str, ...]) -> None:
    code, out, err = builder.run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: builder")


def test_an_unknown_variation_is_refused_with_the_known_ones(builder: CommandLine) -> None:
    code, out, err = builder.run("reproduce", "--without=weather")
    assert (code, out) == (2, "")
    assert "invalid choice: 'weather'" in err
    assert all(name in err for name in ("clock", "readdir", "locale"))


def test_help_names_what_can_be_asked_for(builder: CommandLine) -> None:
    code, out, err = builder.run("--help")
    assert (code, err) == (0, "")
    assert "build-layer" in out
    assert "reproduce" in out


# The plan.


def test_a_plan_of_nothing_done_has_a_reason_for_every_step_and_writes_nothing(builder: CommandLine) -> None:
    code, out, err = builder.run("build-layer", "--plan")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    steps = [re.fullmatch(r"run   [0-9a-f]{12}  (\S+)", line) for line in lines[::2]]
    assert [step and step[1].partition("-")[0] for step in steps] == ROLES
    assert {line.strip() for line in lines[1::2]} == {"- never built here"}
    assert not builder.cache.exists()


def test_two_architectures_share_what_is_built_for_this_machine(builder: CommandLine) -> None:
    code, out, _ = builder.run("build-layer", "--plan", "--arch=x86_64", "--arch=arm64", "--arch=x86_64")
    names = [line.split()[2] for line in out.splitlines() if line.startswith("run ")]
    assert code == 0
    assert len(names) == len(set(names)) == 2 * len(ROLES) - 2
    assert [name for name in names if name.startswith(("toolchain", "build_python"))] == [
        names[0],
        names[len(ROLES) - 4],
    ]


def test_the_plan_of_the_full_library_differs_at_its_end_alone(builder: CommandLine) -> None:
    lean, full = (builder.run("build-layer", "--plan", f"--stdlib={stdlib}")[1] for stdlib in ("lean", "full"))
    changed = [line.split()[-1] for line in full.splitlines() if line not in lean.splitlines()]
    assert changed == [f"tree-{PRODUCT.name}-x86_64-full", f"layer-{PRODUCT.name}-x86_64-full"]


def test_a_glob_means_several_products_which_share_their_libraries_and_tools(builder: CommandLine) -> None:
    code, out, err = builder.run("build-layer", "--plan", "--product=cpython-*")
    assert (code, err) == (0, "")
    names = [line.split()[2] for line in out.splitlines() if line.startswith("run ")]
    products = [product for name, product in REPOSITORY.products.by_name.items() if name.startswith("cpython-")]
    planned = {step.name for product in products for step in REPOSITORY.plan(product, PLATFORMS[0])}
    assert (len(names), set(names)) == (len(planned), planned)
    own = {name.replace("-upstream", "") for name in names if "cpython-3.13-upstream" in name}
    assert own == {
        f"{kind}cpython-3.13-x86_64{end}" for kind, end in (("", ""), ("tree-", "-lean"), ("layer-", "-lean"))
    }
    others = {name for name in names if not any(f"cpython-{series}" in name for series in ("3.14", "3.15"))}
    assert len(others) == len(ROLES) + len(own)


def test_what_runs_on_one_layer_refuses_several_products(builder: CommandLine) -> None:
    event = builder.folder / "event.json"
    event.write_text("{}", encoding="utf-8")
    command = ("invoke", f"--source={builder.folder}", "--handler=a.b", f"--event={event}")
    code, out, err = builder.run(*command, "--product=cpython-3.13*")
    what, why, do = complaint(err)
    assert (code, out) == (3, "")
    assert what == "This takes one product, and 2 are meant."
    assert why == "These are cpython-3.13, cpython-3.13-upstream."
    assert do == "Pass one of them as --product."


# Where it cannot work.


def test_a_preview_is_not_released_even_if_it_is_named(builder: CommandLine) -> None:
    previews = [each for each in REPOSITORY.products.by_name.values() if each.preview]
    for product in previews:
        code, out, err = builder.run("release", f"--product={product.name}")
        what, why, _ = complaint(err)
        assert (code, out, what) == (3, "", "A preview is not released.")
        assert why == f"Its version is not final: {product.name} ({product.version})."


def test_a_cache_with_a_space_in_its_path_is_refused(builder: CommandLine) -> None:
    spaced = builder.folder / "my cache"
    code, err = builder.build(STATIC_PYTHON_CACHE=str(spaced))
    what, why, do = complaint(err)
    assert code == 18
    assert str(spaced) in what
    assert "make" in why
    assert "STATIC_PYTHON_CACHE" in do
    assert not spaced.exists()


def test_missing_programs_are_named_with_the_packages_that_have_them(builder: CommandLine) -> None:
    programs = builder.folder / "programs"
    programs.mkdir()
    for tool in set(TOOLS) - {"make", "perl"}:
        found = shutil.which(tool)
        assert found is not None, f"these tests need {tool}"
        (programs / tool).symlink_to(found)
    code, err = builder.build(PATH=str(programs))
    what, why, do = complaint(err)
    assert code == 15
    assert "lacks programs" in what
    assert why == "Not found: make, perl."
    assert re.search(r"Debian.*: apt-get install make perl\n", do)
    assert re.search(r"Amazon Linux.*: dnf install make perl$", do)
    assert not builder.cache.exists()


def test_without_the_compilers_wheel_the_error_says_where_to_put_it(builder: CommandLine) -> None:
    code, err = builder.build()
    what, why, do = complaint(err)
    assert code == 12
    assert what.startswith("ziglang ")
    assert "pip's ziglang==" in why
    assert re.search(r"Put ziglang-\S+\.whl \(sha256 [0-9a-f]{64}\) into a folder", do)
    assert "STATIC_PYTHON_SOURCES" in do
    assert list((builder.cache / "work").iterdir()) == []


IN_THERE = """
import json, subprocess, sys
command, root, variables = json.loads({call!r})
done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True)
print(json.dumps([done.returncode, done.stdout, done.stderr]))
"""


def build_on_a_disk(
    builder: CommandLine, mount: PrivateMount, size: str, then: str = "true", **changes: str
) -> tuple[int, str]:
    """Exit code and standard error of a build whose cache is a disk of its own."""
    builder.cache.mkdir()
    command = builder.command("build-layer", f"--output={builder.folder / 'dist'}")
    call = json.dumps([command, str(builder.root), builder.variables(changes)])
    code, out, err = json.loads(mount.run(builder.cache, size, IN_THERE.format(call=call), then=then))
    assert out == ""
    assert "Traceback" not in err, err
    assert not (builder.folder / "dist").exists()
    return code, err


def test_a_read_only_cache_is_not_writable(builder: CommandLine, private_mount: PrivateMount) -> None:
    code, err = build_on_a_disk(builder, private_mount, "20m", 'mount -o remount,ro "$0"')
    what, why, do = complaint(err)
    assert code == 18
    assert str(builder.cache) in what
    assert why == "Read-only file system."
    assert "STATIC_PYTHON_CACHE" in do


# A checkout whose pins are small stand-ins, so that steps really run.

COMPILER = """#!/bin/sh
# Every call of the compiler: waits if it is told to, then leaves what it should.
if [ -n "$(cat {folder}/wait 2>/dev/null)" ]; then
    sleep 600 &
    echo $$ $! >> {folder}/pids
    wait
fi
previous=
for word; do
    case $previous in -o) : > "$word" ;; esac
    case $word in *.a) : > "$word" ;; esac
    previous=$word
done
"""


def a_wheel(path: Path, name: str, files: dict[str, str], size: int = 0) -> dict[str, Any]:
    """Makes a wheel with a program in it and so many bytes of ballast; returns its pin."""
    with zipfile.ZipFile(path, "w") as wheel:
        for place, text in files.items():
            info = zipfile.ZipInfo(place)
            info.external_attr = 0o100755 << 16
            wheel.writestr(info, text)
        wheel.writestr("ballast", bytes(size))
        info_folder = f"{name}-1.0.dist-info"
        wheel.writestr(f"{info_folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info_folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info_folder}/RECORD", "")
    return pinned(path, pypi=f"{name}==1.0")


def pinned(path: Path, **ways: str) -> dict[str, Any]:
    content = path.read_bytes()
    return {"file": path.name, "sha256": sha256(content).hexdigest(), "size": len(content), **ways}


@dataclass(frozen=True)
class StandIn(CommandLine):
    """A checkout that builds with a compiler and a zlib of a few lines, and can get nothing else."""

    def make(self, ballast: int = 0) -> None:
        """Writes the checkout; the wheel is as large as it is told to be."""
        for name in ("builder", "runtime", "patches", "products"):
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.wheels.mkdir()
        self.mirror.mkdir()
        compiler = {"ziglang/zig": COMPILER.format(folder=self.folder)}
        archives = {
            "ziglang": a_wheel(self.wheels / "ziglang-1.0-py3-none-any.whl", "ziglang", compiler, ballast),
            "zlib": self._zlib(),
        }
        pins = tomllib.loads((self.root / "builder" / "pins.toml").read_text(encoding="utf-8"))
        for name, source in pins["sources"].items():
            # Refused at once, and by this machine: nothing here asks the network.
            elsewhere = {"file": f"{name}.tar.gz", "sha256": "0" * 64, "size": 1, "url": "https://127.0.0.1:1/file"}
            source["archives"] = [archives.get(name, elsewhere)]
            source.pop("consumed", None)
        text = "".join(f"{key} = {toml(value)}\n" for key, value in pins.items() if not isinstance(value, dict))
        text += "[sources]\n" + "".join(f"{toml(key)} = {toml(value)}\n" for key, value in pins["sources"].items())
        (self.root / "builder" / "pins.toml").write_text(text, encoding="utf-8")

    @property
    def wheels(self) -> Path:
        return self.folder / "wheels"

    @property
    def mirror(self) -> Path:
        return self.folder / "mirror"

    def _zlib(self) -> dict[str, Any]:
        folder = self.folder / "zlib-1.0"
        folder.mkdir()
        for name in (*(f"{module}.c" for module in zlib.MODULES), "zlib.h", "zconf.h", "LICENSE"):
            (folder / name).write_text("", encoding="utf-8")
        path = shutil.make_archive(str(self.mirror / "zlib-1.0"), "gztar", self.folder, "zlib-1.0")
        return pinned(Path(path), url="https://127.0.0.1:1/zlib-1.0.tar.gz")

    def plan(self) -> dict[str, str]:
        """Step → ``done`` or ``run``."""
        code, out, err = self.run("build-layer", "--plan")
        assert (code, err) == (0, "")
        rows = [line.split() for line in out.splitlines() if not line.startswith(" ")]
        return {name.partition("-")[0]: state for state, _, name in rows}


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    wheels, mirror = tmp_path / "wheels", tmp_path / "mirror"
    (tmp_path / "checkout").mkdir()
    environment = {
        "PIP_FIND_LINKS": str(wheels),
        "STATIC_PYTHON_SOURCES": str(mirror),
        "NO_PROXY": "127.0.0.1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return StandIn(tmp_path / "checkout", tmp_path, environment)


def test_what_can_be_had_is_built_and_what_cannot_is_told(stand_in: StandIn) -> None:
    stand_in.make()
    code, err = stand_in.build()
    what, why, _ = complaint(err)
    assert code == 12
    assert what.startswith("bzip2 ")
    assert "127.0.0.1" in why
    steps = [line.split()[1] for line in err.splitlines() if line.startswith("✓")]
    assert steps == ["toolchain", "zlib-x86_64"]
    assert "\x1b" not in err
    assert stand_in.plan() == {**dict.fromkeys(stand_in.plan(), "run"), "toolchain": "done", "zlib": "done"}


def test_a_plan_tells_which_key_input_changed(stand_in: StandIn) -> None:
    stand_in.make()
    stand_in.build()
    recipe = stand_in.root / "builder" / "recipes" / "zlib.py"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace('"-DHAVE_UNISTD_H"', '"-DOTHER"'), encoding="utf-8")
    code, out, err = stand_in.run("build-layer", "--plan")
    assert (code, err) == (0, "")
    (place,) = [n for n, line in enumerate(out.splitlines()) if line.startswith("run ") and "zlib" in line]
    assert re.fullmatch(r" +- recipe.* files: [0-9a-f]{12} → [0-9a-f]{12}", out.splitlines()[place + 1]), out
    assert stand_in.plan()["toolchain"] == "done"


def test_a_wrong_file_on_a_mirror_is_passed_over_and_the_next_way_is_tried(stand_in: StandIn) -> None:
    stand_in.make()
    (wheel,) = stand_in.wheels.iterdir()
    # Right name, right size, wrong bytes.
    (stand_in.mirror / wheel.name).write_bytes(wheel.read_bytes()[:-1] + b"!")
    _, err = stand_in.build()
    assert "asking pip for ziglang==1.0" in err
    assert stand_in.plan()["toolchain"] == "done"


def test_wrong_bytes_everywhere_are_refused(stand_in: StandIn) -> None:
    stand_in.make()
    (wheel,) = stand_in.wheels.iterdir()
    with wheel.open("ab") as file:
        file.write(b"!")
    code, err = stand_in.build()
    what, why, _ = complaint(err)
    assert code == 12  # pip compares by itself, and gives nothing
    assert what.startswith("ziglang ")
    assert "HASHES" in why
    assert stand_in.plan()["toolchain"] == "run"


def test_a_full_disk_is_no_space_and_says_how_much_it_takes(stand_in: StandIn, private_mount: PrivateMount) -> None:
    stand_in.make(ballast=30_000_000)
    code, err = build_on_a_disk(stand_in, private_mount, "20m")
    what, why, do = complaint(err)
    assert code == 17
    assert str(stand_in.cache) in what
    assert "MB are free" in why
    assert "STATIC_PYTHON_CACHE" in do


def test_a_disk_that_fills_up_while_unpacking_is_no_space(stand_in: StandIn, private_mount: PrivateMount) -> None:
    stand_in.make(ballast=12_000_000)  # the wheel fits; a second time, unpacked, it does not
    code, err = build_on_a_disk(stand_in, private_mount, "20m")
    assert code == 17
    assert "asking pip" in err


@dataclass(frozen=True)
class Running:
    """A build in the middle of zlib's step, and its compiler's process with the one below it."""

    process: subprocess.Popen[str]
    compilers: list[int]


def _hear_ctrl_c() -> None:
    """The tests may themselves be a job in the background, which a shell starts with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def running(stand_in: StandIn) -> Iterator[Running]:
    stand_in.make()
    (stand_in.folder / "wait").write_text("yes", encoding="utf-8")
    command = stand_in.command("build-layer", f"--output={stand_in.folder / 'dist'}", "--jobs=1")
    process = subprocess.Popen(
        command,
        cwd=stand_in.root,
        env=stand_in.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 (no thread runs here)
    )
    pids = stand_in.folder / "pids"

    def at_work() -> bool:
        assert process.poll() is None, process.communicate()
        return pids.exists() and pids.read_text(encoding="utf-8").endswith("\n")

    wait_until(at_work)
    yield Running(process, [int(pid) for pid in pids.read_text(encoding="utf-8").split()])
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_build_that_is_stopped_takes_its_compilers_along_and_the_next_goes_on(
    stand_in: StandIn, running: Running, how: signal.Signals
) -> None:
    running.process.send_signal(how)
    out, err = running.process.communicate()
    what, _, do = complaint(err)
    assert running.process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert what == "The build was stopped."
    assert "Run it again" in do
    wait_until(lambda: not any(map(is_running, running.compilers)))
    assert list((stand_in.cache / "work").iterdir()) == []
    assert stand_in.plan()["zlib"] == "run"

    (stand_in.folder / "wait").unlink()
    code, err = stand_in.build()
    assert code == 12  # bzip2, as ever
    assert [line.split()[1] for line in err.splitlines() if line.startswith("✓")] == ["zlib-x86_64"]


def test_a_step_that_fails_takes_the_compilers_of_the_others_along(stand_in: StandIn) -> None:
    """That of zlib would wait, and bzip2 cannot be had."""
    stand_in.make()
    (stand_in.folder / "wait").write_text("yes", encoding="utf-8")
    code, err = stand_in.build("--jobs=2")
    assert code == 12
    assert complaint(err)[0].startswith("bzip2 ")
    assert [line.split()[1] for line in err.splitlines() if line.startswith("✓")] == ["toolchain"]
    pids = stand_in.folder / "pids"
    compilers = pids.read_text(encoding="utf-8").split() if pids.exists() else []
    wait_until(lambda: not any(is_running(int(pid)) for pid in compilers))
    assert list((stand_in.cache / "work").iterdir()) == []


def test_what_was_built_is_in_the_table_and_goes_when_it_is_pruned(stand_in: StandIn) -> None:
    stand_in.make(ballast=2_000_000)
    stand_in.build()
    code, out, err = stand_in.run("store", "size")
    assert (code, err) == (0, "")
    assert re.search(r"^steps +2 +2\.\d MB ", out, re.MULTILINE), out
    code, out, err = stand_in.run("store", "prune", "--keep=0", "--dry-run")
    assert (code, err) == (0, "")
    assert sorted(line.split()[2] for line in out.splitlines()[:-1]) == ["toolchain", "zlib-x86_64"]
    assert stand_in.plan()["toolchain"] == "done"
    assert stand_in.run("store", "prune")[:2] == (0, "0.0 MB were freed\n")
    assert stand_in.plan()["toolchain"] == "done"
    code, out, err = stand_in.run("store", "prune", "--keep=0")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"2\.\d MB were freed", out.splitlines()[-1])
    assert set(stand_in.plan().values()) == {"run"}
