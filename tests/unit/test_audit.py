"""builder.artifacts.audit: every rule, policy's or plug-in's, is broken once; all that is broken is told at once."""

import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from builder import ROOT
from builder.artifacts.audit import Elf, audit, check_size
from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry
from builder.artifacts.pack import host_identifiers
from builder.errors import AuditFailed
from builder.platform import CPUS, Platform

from . import elf_factory as elf_files
from .elf_factory import ElfFile
from .repository import PLATFORMS, PRODUCT, pack_of

X86_64, ARM64 = PLATFORMS
ALL_RULES = pack_of(PRODUCT).rules
RULES, CONTENT = ALL_RULES["elf"], ALL_RULES["content"]

BOOTSTRAP = Entry("bootstrap", b"#!/opt/bin/python3.13 -S\n", EXECUTABLE)
ALIAS = Entry("bin/python3", b"python3.13", LINK)
GOOD = ElfFile()


def interpreter(elf: ElfFile) -> Entry:
    return Entry("bin/python3.13", elf.content(), EXECUTABLE)


def layer(*more: Entry) -> tuple[Entry, ...]:
    """A layer that keeps all rules, and whatever else."""
    return (BOOTSTRAP, ALIAS, interpreter(GOOD), *more)


def checked(*entries: Entry, platform: Platform = X86_64, names: tuple[str, ...] = ()) -> tuple[Elf, ...]:
    return audit(entries, platform, ALL_RULES, names)


def violations(*entries: Entry, platform: Platform = X86_64, names: tuple[str, ...] = ()) -> list[str]:
    """What the audit complains about."""
    with pytest.raises(AuditFailed) as caught:
        checked(*entries, platform=platform, names=names)
    return caught.value.why.split("\n       ")


def told_of(elf: ElfFile, platform: Platform = X86_64) -> list[str]:
    """What it complains about in a layer whose interpreter is this file, without the path."""
    found = violations(BOOTSTRAP, ALIAS, interpreter(elf), platform=platform)
    assert all(violation.startswith("bin/python3.13: ") for violation in found)
    return [violation.removeprefix("bin/python3.13: ") for violation in found]


def test_a_layer_that_keeps_all_rules_passes_and_its_elf_files_are_described() -> None:
    assert checked(*layer(), names=("/home/mallory",)) == (
        Elf("bin/python3.13", "EM_X86_64", "2.26", ("libc.so.6", "libm.so.6"), 3),
    )


@pytest.mark.skipif(not Path("/usr/bin/readelf").exists(), reason="binutils are not needed, but know ELF well")
def test_the_elf_files_of_these_tests_are_what_readelf_takes_for_one(tmp_path: Path) -> None:
    (tmp_path / "elf").write_bytes(GOOD.content())
    command = ("readelf", "--wide", "--segments", "--dyn-syms", "--version-info", str(tmp_path / "elf"))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for seen in ("GNU_RELRO", "PyLong_FromLong", "Name: GLIBC_2.26"):
        assert seen in done.stdout


def test_real_programs_are_read_too() -> None:
    real = Entry("bin/real", Path(sys.executable).resolve().read_bytes(), EXECUTABLE)
    found = violations(*layer(real), platform=replace(X86_64, glibc="1.0"))
    assert any(violation.startswith("bin/real: needs glibc 2.") for violation in found)
    assert not any("executable stack" in violation for violation in found)


# ELF files, rule by rule.


@pytest.mark.parametrize(
    ("platform", "machine"),
    [(X86_64, elf_files.AARCH64), (ARM64, elf_files.X86_64)],
    ids=["arm-file-in-an-x86-layer", "x86-file-in-an-arm-layer"],
)
def test_a_file_for_another_processor_is_told(platform: Platform, machine: int) -> None:
    (told,) = told_of(replace(GOOD, machine=machine), platform)
    assert told.startswith("is for EM_")
    assert told.endswith(f"not {RULES['machines'][platform.cpu.lambda_name]}")


def test_segments_that_a_large_page_would_join_are_told() -> None:
    close = replace(GOOD, machine=elf_files.AARCH64, alignment=0x1000)
    assert told_of(close, ARM64) == ["cannot be loaded where a page has 65536 bytes"]
    checked(BOOTSTRAP, ALIAS, interpreter(replace(close, machine=elf_files.X86_64)))


def test_each_processors_own_files_pass() -> None:
    assert set(RULES["machines"]) == {cpu.lambda_name for cpu in CPUS}
    arm = interpreter(replace(GOOD, machine=elf_files.AARCH64))
    assert checked(BOOTSTRAP, ALIAS, arm, platform=ARM64)[0].machine == "EM_AARCH64"


@pytest.mark.parametrize("version", ["2.27", "2.100", "3.0", "2.26.1"])
def test_a_symbol_of_a_newer_glibc_is_told(version: str) -> None:
    newer = replace(GOOD, versions=("GLIBC_2.2.5", f"GLIBC_{version}", "GLIBC_2.4"))
    assert told_of(newer) == [f"needs glibc {version}, above 2.26"]


@pytest.mark.parametrize("version", ["2.2.5", "2.9", "2.26"])
def test_versions_of_glibc_are_compared_as_numbers(version: str) -> None:
    older = interpreter(replace(GOOD, versions=(f"GLIBC_{version}",)))
    assert checked(BOOTSTRAP, ALIAS, older)[0].glibc == version


def test_glibcs_private_symbols_belong_to_no_version() -> None:
    assert told_of(replace(GOOD, versions=("GLIBC_2.2.5", "GLIBC_PRIVATE"))) == ["needs glibc 999, above 2.26"]


@pytest.mark.parametrize("name", ["libssl.so.3", "libcrypt.so.1", "libgcc_s.so.1", "libc.musl-x86_64.so.1"])
def test_a_library_that_not_every_system_has_is_told(name: str) -> None:
    assert told_of(replace(GOOD, needed=("libc.so.6", name))) == [f"needs the library {name}"]


def test_the_libraries_of_the_list_may_be_needed() -> None:
    assert checked(BOOTSTRAP, ALIAS, interpreter(replace(GOOD, needed=tuple(RULES["needed"]))))


def test_the_libraries_that_a_product_names_may_be_needed_by_it_alone() -> None:
    libraries = ("librt.so.1", "libutil.so.1")
    entries = (BOOTSTRAP, ALIAS, interpreter(replace(GOOD, needed=("libc.so.6", *libraries))))
    assert audit(entries, X86_64, pack_of(replace(PRODUCT, libraries=libraries)).rules, ())
    assert [told.partition(": ")[2] for told in violations(*entries)] == [f"needs the library {n}" for n in libraries]


def without_segment(kind: int) -> ElfFile:
    return replace(GOOD, segments=tuple(segment for segment in GOOD.segments if segment[0] != kind))


def test_a_file_without_relro_is_told() -> None:
    assert told_of(without_segment(elf_files.PT_GNU_RELRO)) == ["has no RELRO segment"]


@pytest.mark.parametrize("tags", [(), ((elf_files.DT_FLAGS, 0), (elf_files.DT_FLAGS_1, elf_files.DF_1_PIE))])
def test_a_file_that_binds_lazily_is_told(tags: tuple[tuple[int, int], ...]) -> None:
    assert told_of(replace(GOOD, tags=tags)) == ["is not linked with BIND_NOW"]


@pytest.mark.parametrize(
    "tag",
    [(elf_files.DT_FLAGS, elf_files.DF_BIND_NOW), (elf_files.DT_FLAGS_1, elf_files.DF_1_NOW | elf_files.DF_1_PIE)],
)
def test_either_way_of_saying_bind_now_is_enough(tag: tuple[int, int]) -> None:
    assert checked(BOOTSTRAP, ALIAS, interpreter(replace(GOOD, tags=(tag,))))


def test_an_executable_stack_is_told() -> None:
    plain = without_segment(elf_files.PT_GNU_STACK)
    executable = (elf_files.PT_GNU_STACK, elf_files.READ | elf_files.WRITE | elf_files.EXECUTE)
    assert told_of(replace(plain, segments=(*plain.segments, executable))) == ["has an executable stack"]


def test_a_file_that_does_not_say_how_its_stack_is_has_an_executable_one() -> None:
    assert told_of(without_segment(elf_files.PT_GNU_STACK)) == ["has an executable stack"]


def test_a_segment_both_writable_and_executable_is_told() -> None:
    both = (elf_files.PT_LOAD, elf_files.READ | elf_files.WRITE | elf_files.EXECUTE)
    told = told_of(replace(GOOD, segments=(both, *GOOD.segments)))
    assert told == ["has a segment that is both writable and executable"]


@pytest.mark.parametrize("name", ["DT_TEXTREL", "DT_RPATH", "DT_RUNPATH"])
def test_a_tag_that_must_not_be_there_is_told(name: str) -> None:
    tag = (getattr(elf_files, name), 0)
    assert told_of(replace(GOOD, tags=(*GOOD.tags, tag))) == [f"has {name}"]


@pytest.mark.parametrize("symbol", RULES["required"])
def test_a_protection_that_is_not_in_use_is_told_with_its_reason(symbol: str) -> None:
    imports = tuple(name for name in GOOD.imports if name != symbol)
    assert told_of(replace(GOOD, imports=imports)) == [f"does not use glibc's {symbol} ({RULES['required'][symbol]})"]


@pytest.mark.parametrize("symbol", RULES["required"])
def test_a_function_of_our_own_is_not_glibcs(symbol: str) -> None:
    imports = tuple(name for name in GOOD.imports if name != symbol)
    told = told_of(replace(GOOD, imports=imports, exports=(*GOOD.exports, symbol)))
    assert told == [
        f"does not use glibc's {symbol} ({RULES['required'][symbol]})",
        f"exports 1 symbols that are not the interpreter's: {symbol}",
    ]


@pytest.mark.parametrize("symbol", ["SSL_new", "sqlite3_open", "main", "xPyLong", "py_new", "stdio"])
def test_a_symbol_of_a_library_that_is_exported_is_told(symbol: str) -> None:
    told = told_of(replace(GOOD, exports=(*GOOD.exports, symbol)))
    assert told == [f"exports 1 symbols that are not the interpreter's: {symbol}"]


def test_of_many_foreign_symbols_the_first_ten_are_named_and_all_are_counted() -> None:
    (told,) = told_of(replace(GOOD, exports=tuple(f"ffi_{number:02}" for number in range(30))))
    assert told.startswith("exports 30 symbols that are not the interpreter's: ffi_00, ffi_01")
    assert told.endswith("ffi_09")


def test_copies_of_libcs_variables_may_be_exported() -> None:
    assert checked(BOOTSTRAP, ALIAS, interpreter(replace(GOOD, exports=tuple(RULES["copied"]))))


@pytest.mark.parametrize("section", [".symtab", ".debug_info"])
def test_a_file_that_is_not_stripped_is_told(section: str) -> None:
    assert told_of(replace(GOOD, sections=(section,))) == ["is not stripped"]


def test_a_file_that_is_linked_statically_is_told() -> None:
    (told,) = told_of(replace(GOOD, linked_dynamically=False))
    assert "not linked dynamically" in told


@pytest.mark.parametrize("size", [4, 20, 64, 400])
def test_a_damaged_elf_file_is_told(size: int) -> None:
    damaged = Entry("lib/damaged.so", GOOD.content()[:size], FILE)
    (told,) = violations(*layer(damaged))
    assert told.startswith("lib/damaged.so: ")


def test_every_elf_file_is_looked_at_wherever_it_is_and_whatever_it_is_called() -> None:
    bad = without_segment(elf_files.PT_GNU_RELRO).content()
    hidden = (Entry("lib/a.so", bad, EXECUTABLE), Entry("share/licenses/x/readme.txt", bad, FILE))
    assert violations(*layer(*hidden)) == [f"{entry.path}: has no RELRO segment" for entry in hidden]


# The tree.


@pytest.mark.parametrize("goal", ["/opt/bin/python3.13", "../../etc/passwd", "../..", "../bin/../../x", "/"])
def test_a_link_out_of_the_layer_is_told(goal: str) -> None:
    told = violations(*layer(Entry("bin/away", goal.encode(), LINK)))
    assert told == [f"bin/away: links out of the layer, to {goal}"]


def test_a_link_to_nothing_is_told() -> None:
    told = violations(*layer(Entry("bin/lost", b"../lib/nowhere", LINK)))
    assert told == ["bin/lost: links to lib/nowhere, which is not there"]


@pytest.mark.parametrize("goal", ["python3.13", "../bin/python3.13", "../lib/python3.13", "./python3"])
def test_links_inside_the_layer_may_lead_to_files_folders_and_links(goal: str) -> None:
    module = Entry("lib/python3.13/os.pyc", b"pyc", FILE)
    assert checked(*layer(module, Entry("bin/inside", goal.encode(), LINK)))


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1755, 0o775, 0o757, 0o666])
def test_set_user_id_and_files_that_others_may_write_are_told(mode: int) -> None:
    assert violations(*layer(Entry("lib/x", b"x", mode))) == [f"lib/x: mode {mode:o}"]


def test_a_layer_without_bootstrap_is_told() -> None:
    elsewhere = replace(BOOTSTRAP, path="bin/bootstrap")
    assert violations(ALIAS, interpreter(GOOD), elsewhere) == ["there is no bootstrap"]


def filled(size: int) -> tuple[Entry, ...]:
    """A layer of so many bytes, most of them one object again and again."""
    piece = bytes(1_000_000)
    count, rest = divmod(size - sum(len(entry.content) for entry in layer()), len(piece))
    pieces = [Entry(f"lib/{number}", piece, FILE) for number in range(count)]
    return layer(*pieces, Entry("lib/rest", bytes(rest), FILE))


def test_our_own_budget_is_well_below_lambdas_limit() -> None:
    assert CONTENT["bytes"]["lambda"] == 250 * 2**20
    assert CONTENT["bytes"]["zip"] < CONTENT["bytes"]["unzipped"] < CONTENT["bytes"]["lambda"] / 4


def test_a_layer_of_exactly_the_budget_passes_and_one_byte_more_is_told() -> None:
    budget = CONTENT["bytes"]["unzipped"]
    assert checked(*filled(budget))
    assert violations(*filled(budget + 1)) == [f"{budget + 1} bytes unzipped; the limit (unzipped) is {budget}"]


def test_a_layer_that_lambda_would_refuse_is_told() -> None:
    limit = CONTENT["bytes"]["lambda"]
    assert violations(*filled(limit + 1))[1] == f"{limit + 1} bytes unzipped; the limit (lambda) is {limit}"


def test_a_zip_of_exactly_the_budget_passes_and_one_byte_more_fails() -> None:
    budget = CONTENT["bytes"]["zip"]
    check_size(budget, budget)
    with pytest.raises(AuditFailed, match=f"{budget + 1} bytes; the budget is {budget}"):
        check_size(budget + 1, budget)


# Traces.


@pytest.mark.parametrize("pattern", CONTENT["forbidden"]["patterns"])
def test_a_trace_of_the_compiler_or_the_build_folder_is_told_with_what_stands_around_it(pattern: str) -> None:
    spoilt = Entry("lib/module.pyc", b"\0" * 500 + f"here:/x/{pattern}y".encode() + b"\0" * 500, FILE)
    (told,) = violations(*layer(spoilt))
    assert told.startswith(f"lib/module.pyc: holds {pattern!r} (")
    assert f"here:/x/{pattern}y" in told
    assert len(told) < 600


def test_a_trace_at_the_very_beginning_is_told() -> None:
    (told,) = violations(*layer(Entry("lib/x", b"ziglang/lib", FILE)))
    assert "b'ziglang/lib'" in told


def test_a_name_of_this_machine_is_told_in_any_kind_of_entry() -> None:
    text = Entry("lib/text", b"built by mallory@elsewhere", FILE)
    link = Entry("bin/link", b"../home/mallory@elsewhere/x", LINK)
    program = interpreter(replace(GOOD, exports=("Py_mallory@elsewhere",)))
    told = violations(BOOTSTRAP, program, text, link, names=("mallory@elsewhere",))
    assert {violation.partition(":")[0] for violation in told if "holds" in violation} == {
        "lib/text",
        "bin/link",
        "bin/python3.13",
    }


def test_the_names_of_this_machine_are_its_folders_and_who_builds_where() -> None:
    traces = host_identifiers(Path("/somewhere/cache"))
    assert "/somewhere/cache" in traces
    assert str(ROOT) in traces


@pytest.mark.parametrize(("name", "telling"), [("root", False), ("build", False), ("ip-10-0-3-7", True)])
def test_a_bare_name_is_a_trace_only_if_nobody_would_write_it_by_chance(
    monkeypatch: pytest.MonkeyPatch, name: str, telling: bool
) -> None:
    monkeypatch.setenv("LOGNAME", name)
    monkeypatch.setattr(platform, "node", lambda: name)
    traces = host_identifiers(Path("/somewhere/cache"))
    assert (name in traces) == telling
    assert {f"/home/{name}/", f"{name}@{name}", f"@{name}."} <= set(traces)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without a name")
def test_a_user_without_a_name_can_build() -> None:
    code = (
        "import os; from pathlib import Path; from builder.artifacts.pack import host_identifiers as traces\n"
        "os.setuid(54321); print(traces(Path('/x'))[2])"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("LOGNAME", "USER", "LNAME")}
    command = (sys.executable, "-c", code)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "/home/54321/\n", done.stderr


# All at once.


def test_all_violations_are_told_at_once_in_one_error() -> None:
    spoilt = ElfFile(
        machine=elf_files.AARCH64,
        imports=("write",),
        exports=("SSL_new",),
        needed=("libssl.so.3",),
        versions=("GLIBC_2.34",),
        segments=((elf_files.PT_LOAD, elf_files.READ | elf_files.WRITE | elf_files.EXECUTE),),
        tags=((elf_files.DT_TEXTREL, 0), (elf_files.DT_RPATH, 0), (elf_files.DT_RUNPATH, 0)),
        sections=(".symtab",),
    )
    entries = (
        Entry("lib/a.so", spoilt.content(), EXECUTABLE),
        Entry("lib/away", b"/etc", LINK),
        Entry("lib/lost", b"nowhere", LINK),
        Entry("lib/setuid", b"zig-cache", 0o4755),
    )
    with pytest.raises(AuditFailed) as caught:
        checked(*entries, names=("/etc",))
    told = caught.value.why.split("\n       ")
    hardening = 4 + 3  # RELRO, BIND_NOW, the stack and a segment; three tags
    expected = 3 + hardening + len(RULES["required"]) + 2 + 3 + 1 + 2
    # three of the file as a whole, two of its symbols; three entries, no bootstrap, two traces
    assert len(told) == len(set(told)) == expected
    assert caught.value.what == f"The layer breaks {expected} rules."
    assert "builder/artifacts/policy/" in caught.value.do


def test_one_violation_is_one_rule() -> None:
    with pytest.raises(AuditFailed) as caught:
        checked(ALIAS, interpreter(GOOD))
    assert caught.value.what == "The layer breaks 1 rule."
