"""builder.toolchain: the compiler's scripts and the shared flags."""

import subprocess
from pathlib import Path

import pytest

from builder.flags import Flag, joined, words
from builder.platform import Platform
from builder.toolchain import (
    COMPILER_FLAGS,
    INTERPRETER_FLAGS,
    INTERPRETER_LINKER_FLAGS,
    LINKER_FLAGS,
    PROFILE_FLAGS,
    TRAINING_FLAGS,
    WRAPPER_FLAGS,
    wrappers,
)

from .repository import ARM64, FILES, PLATFORMS, X86_64


def arguments(folder: Path, script: str, *given: str) -> list[str]:
    """What zig would be called with, by a stand-in for it that prints each argument on a line."""
    zig, wrapper = folder / "zig", folder / "wrapper"
    zig.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    wrapper.write_text(script, encoding="utf-8")
    zig.chmod(0o755)
    wrapper.chmod(0o755)
    done = subprocess.run((wrapper, *given), env={"ZIG": str(zig)}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


SHIPPED = (*COMPILER_FLAGS, *LINKER_FLAGS, *INTERPRETER_FLAGS, *INTERPRETER_LINKER_FLAGS, *WRAPPER_FLAGS)


@pytest.mark.parametrize("flag", [*SHIPPED, *PROFILE_FLAGS, *TRAINING_FLAGS], ids=lambda f: f.text)
def test_every_flag_has_a_reason(flag: Flag) -> None:
    assert flag.text.startswith("-")
    assert len(flag.why.split()) >= 3


def test_no_flag_holds_a_path_of_the_machine() -> None:
    assert "/" not in joined(SHIPPED)


def test_no_flag_lets_the_machine_decide_what_comes_out() -> None:
    assert not [word for word in words((*COMPILER_FLAGS, *LINKER_FLAGS)) if "native" in word]


def test_flags_of_two_words_come_apart_as_arguments() -> None:
    assert words((Flag("-Xclang -O3", "a reason"), Flag("-s", "a reason"))) == ("-Xclang", "-O3", "-s")


def test_cc_compiles_for_the_target_and_passes_its_arguments_on_unharmed(tmp_path: Path) -> None:
    script = wrappers(Platform(X86_64), X86_64, FILES)["cc"]
    called = arguments(tmp_path, script, "-c", "a file.c", '-DNAME="x y"', "$HOME", "")
    assert called[:4] == ["cc", "-target", "x86_64-linux-gnu.2.26", "-mcpu=x86_64_v2"]
    assert called[-5:] == ["-c", "a file.c", '-DNAME="x y"', "$HOME", ""]


def test_cc_profiled_finds_the_profile_beside_its_own_folder_wherever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script = wrappers(Platform(X86_64), X86_64, FILES)["cc-profiled"]
    called = arguments(tmp_path / "bin", script, "-c", "a file.c")
    assert called[:4] == ["cc", "-target", "x86_64-linux-gnu.2.26", "-mcpu=x86_64_v2"]
    (given,) = (word.removeprefix("-fprofile-use=") for word in called if word.startswith("-fprofile-use="))
    assert Path(given).resolve() == tmp_path / "profile.profdata"
    assert called[-2:] == ["-c", "a file.c"]


def test_in_training_the_last_words_instrument_whatever_was_asked_for(tmp_path: Path) -> None:
    script = wrappers(Platform(X86_64), X86_64, FILES, training=True)["cc-profiled"]
    assert arguments(tmp_path, script, "-flto=thin", "-c", "a.c")[-5:] == [
        *("-flto=thin", "-c", "a.c"),
        *words(TRAINING_FLAGS),
    ]


def test_build_cc_compiles_for_the_machine_whatever_the_target_is(tmp_path: Path) -> None:
    scripts = {wrappers(platform, X86_64, FILES)["build-cc"] for platform in PLATFORMS}
    assert len(scripts) == 1
    assert arguments(tmp_path, scripts.pop())[:4] == ["cc", "-target", "x86_64-linux-gnu.2.26", "-mcpu=baseline"]


def test_cc_is_the_same_whatever_machine_builds() -> None:
    platform = Platform(X86_64)
    assert wrappers(platform, X86_64, FILES)["cc"] == wrappers(platform, ARM64, FILES)["cc"]


@pytest.mark.parametrize(("name", "tool"), [("ar", "ar"), ("ranlib", "ranlib"), ("ld", "ld.lld")])
def test_the_other_tools_are_zigs_too(tmp_path: Path, name: str, tool: str) -> None:
    script = wrappers(Platform(X86_64), X86_64, FILES)[name]
    assert arguments(tmp_path, script, "rcs", "lib x.a") == [tool, "rcs", "lib x.a"]


def test_scripts_find_the_compiler_in_the_environment_alone() -> None:
    for script in wrappers(Platform(X86_64), X86_64, FILES).values():
        assert script.startswith("#!/bin/sh\n")
        assert script.splitlines()[-1].startswith('exec "$ZIG" ')


def test_for_arm64_no_instruction_is_assumed_that_only_some_processors_have() -> None:
    script = wrappers(Platform(ARM64), X86_64, FILES)["cc"]
    assert "-target aarch64-linux-gnu.2.26 -mcpu=generic -Xclang -tune-cpu -Xclang neoverse-n1 " in script
    assert "-mtune" not in script  # which zig takes for -mcpu
