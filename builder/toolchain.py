"""The compiler and the flags that all recipes share.

The compiler is the ``ziglang`` wheel: one static binary with clang, LLD, and headers and link stubs for every glibc.
Recipes never see it: they call ``cc``, ``ar`` and so on, which stand first on their PATH and are the scripts
below. So no path of the machine gets into a Makefile, and with it into ``sysconfig`` or the binary.
"""

from collections.abc import Mapping

from builder.flags import Flag, joined
from builder.plan.keys import Materials
from builder.platform import Cpu, Platform

PROFILE = "profile.profdata"
"""Where a sandbox has the profile."""

SCRIPTS = ("cc-link", "cc-builtins")
"""Names of the scripts that are files: ``builder/<name>.sh``."""
FOR_MACHINE = "build-cc"
"""Name of the script that compiles for the machine that the build runs on: another one on each kind of machine."""

COMPILER = "ziglang"
"""Key of the compiler's pin."""

MACHINE_GLIBC = "2.26"
"""Oldest glibc that programs run by the build itself need: the same floor as the product's."""


COMPILER_FLAGS = (
    Flag("-O3", "what the build systems expect to see; zig hands it to clang as -O2"),
    Flag("-Xclang -O3", "so this one is what really selects -O3"),
    Flag("-g0", "zig adds line tables by default; they hold paths and are stripped anyway"),
    Flag("-fomit-frame-pointer", "zig keeps frame pointers by default; nothing on Lambda walks them"),
    Flag("-ffunction-sections -fdata-sections", "lets the linker drop what nobody calls"),
    Flag(
        "-fno-asynchronous-unwind-tables -fno-unwind-tables",
        "a twentieth of the file, for debuggers that would need symbols too: no exception of C++ passes through C",
    ),
    Flag("-fstack-protector-strong", "audited: stack overflows abort"),
    Flag("-D_FORTIFY_SOURCE=2", "audited: checked string and memory functions; level 3 needs glibc 2.34"),
)

LINKER_FLAGS = (
    Flag("-Wl,-z,relro -Wl,-z,now", "audited: relocations are resolved at start and then read-only"),
    Flag("-Wl,-z,noexecstack", "audited: hand-written assembly without a note must not make the stack executable"),
    Flag("-Wl,--gc-sections", "drops what nobody calls"),
    Flag("-Wl,--hash-style=gnu", "one table of names is enough for every glibc"),
    Flag("-Wl,--build-id=none", "the manifest's sha256 identifies the file"),
    Flag("-s", "no symbol table: names of local functions are half of the file"),
)

INTERPRETER_FLAGS = (
    Flag("-flto=thin", "functions of one file are inlined into those of others"),
    Flag(
        "-finline-max-stacksize=1024",
        "but none with a large array: where a recursion ends with an error, 16 KiB of the stack may be left",
    ),
)

INTERPRETER_LINKER_FLAGS = (
    Flag("-Wl,--lto-O2", "the optimisation when all files are known; -O3 gains nothing more"),
    # With the limits as they are, the eval loop swallows so much that compiling it alone takes minutes, and the
    # interpreter is twice as long.
    Flag("-Wl,-mllvm,-import-hot-multiplier=1", "what others call often may be inlined there if it is short"),
    Flag("-Wl,-mllvm,-import-critical-multiplier=1", "the same for what they call very often"),
    Flag("-Wl,-mllvm,-import-instr-limit=44", "and less than half as much of what they call at times"),
    # By a hash of the file, as is usual, a line more would put what it has out of the start order.
    Flag(
        "-Wl,-mllvm,-use-source-filename-for-promoted-locals",
        "a local function that others call is named by its file",
    ),
    # Most instructions of an interpreter end in the same jump: one for each is guessed better than one for all.
    Flag("-Wl,-mllvm,-tail-merge-size=16", "code that ends alike is made one only if that saves much"),
    # Without it, what a rare path keeps over a call is pushed before the frequent one too.
    Flag("-Wl,-mllvm,-regalloc-csr-first-time-cost=4096", "registers of the caller are taken only where that pays"),
)

PROFILE_FLAGS = (
    Flag(
        f'-fprofile-use="${{0%/*}}/../{PROFILE}"',
        "what ran often in training is inlined and laid together, the rest is kept small",
    ),
    Flag("-mllvm -pgo-warn-missing-function", "functions that the profile does not know are counted"),
)
TRAINING_FLAGS = (
    Flag("-fprofile-generate", "counts what runs"),
    Flag("-fno-lto", "what is counted is the same, and the link takes seconds"),
)

WRAPPER_FLAGS = (
    Flag("-fno-sanitize=undefined", "zig traps undefined behaviour when no -O is given: helper programs would abort"),
    Flag("-Wno-date-time", "zig makes __DATE__ an error; SOURCE_DATE_EPOCH already pins it"),
)

PROCESSOR_FLAGS: Mapping[str, tuple[Flag, ...]] = {
    "x86_64": (
        # The level is tuned for processors of 2011, which rotated well by an instruction that is slow on all since.
        Flag(
            "-Xclang -target-feature -Xclang -fast-shld-rotate",
            "a rotation is no shift of two registers: hashes rotate",
        ),
    ),
    "aarch64": (
        # zig takes -mtune for -mcpu, and the atomic instructions of v8.1 would come with it.
        Flag("-Xclang -tune-cpu -Xclang neoverse-n1", "the timing of Graviton2 decides between what all can run"),
    ),
}
"""By `Cpu.machine`."""


def wrappers(platform: Platform, machine: Cpu, files: Materials, *, training: bool = False) -> dict[str, str]:
    """Scripts that call zig, by name.

    ``cc`` compiles for the target. ``cc-profiled`` does, and reads the profile; in training, it instruments instead.
    It is apart because configure takes what a compiler has to say about a profile for an answer.
    ``build-cc`` compiles for the machine the build runs on, for the few helper programs that a build must run, such as
    SQLite's parser generator; no byte of them ships. ``ZIG`` holds the compiler's path: each executor sets it.
    """
    common, processor = joined(WRAPPER_FLAGS), joined(PROCESSOR_FLAGS[platform.cpu.machine])
    for_target = f"-target {platform.triplet}.{platform.glibc} -mcpu={platform.cpu.baseline} {processor}".rstrip()
    profiled = f'"$@" {joined(TRAINING_FLAGS)}' if training else f'{joined(PROFILE_FLAGS)} "$@"'
    for_machine = f"-target {machine.machine}-linux-gnu.{MACHINE_GLIBC} -mcpu=baseline"
    return {
        "cc": _script(f'cc {for_target} {common} "$@"'),
        "cc-profiled": _script(f"cc {for_target} {common} {profiled}"),
        FOR_MACHINE: _script(f'cc {for_machine} {common} "$@"'),
        "ar": _script('ar "$@"'),
        "ranlib": _script('ranlib "$@"'),
        "ld": _script('ld.lld "$@"'),  # libtool insists on seeing one
        **{name: files.text(f"builder/{name}.sh") for name in SCRIPTS},
    }


def _script(arguments: str) -> str:
    return f'#!/bin/sh\nexec "$ZIG" {arguments}\n'
