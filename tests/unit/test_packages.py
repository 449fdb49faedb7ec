"""packages: what a lock file asks for is what stands in the layer, or an error says why it cannot."""

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import pytest

from builder.artifacts.audit import Elf, read_policy
from builder.artifacts.deterministic_zip import FILE, Entry
from builder.artifacts.pack import check_unzipped
from builder.artifacts.packages import Packages
from builder.artifacts.tree import LayerTree, with_packages
from builder.errors import (
    BuildError,
    FetchFailed,
    FilesCollide,
    LayerTooLarge,
    NotLoadable,
    NotLocked,
    NoWheel,
    UnsafeArchive,
    WrongHash,
)
from builder.interpreters.cpython.packages.abi import check_loadable, lacking
from builder.interpreters.cpython.packages.install import install_wheels, missing
from builder.interpreters.cpython.packages.requirements import read_requirements
from builder.interpreters.cpython.packages.step import lock_packages, with_bytecode
from builder.interpreters.cpython.packages.wheels import download_wheels, platforms
from builder.interpreters.cpython.target import Target
from builder.pins import Archive, Source
from builder.plan.steps import LockedPackage
from builder.platform import RUNTIMES, Platform

from . import elf_factory as elf_files
from .elf_factory import ElfFile
from .fake_pypi import Index, open_index
from .fakes import RecordingReport
from .repository import PLATFORMS, PRODUCT

X86_64, ARM64 = (Target("3.13.15", platform) for platform in PLATFORMS)


def for_glibc(version: str) -> Target:
    """x86_64 with another oldest glibc."""
    return replace(X86_64, platform=replace(X86_64.platform, glibc=version))


A, B = "a" * 64, "b" * 64
SITE = "python/lib/python3.13/site-packages"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    return open_index(tmp_path / "index", monkeypatch)


# What a file asks for.


def asked(folder: Path, text: str, target: Target = X86_64) -> tuple[LockedPackage, ...]:
    path = folder / "packages.txt"
    path.write_text(text, encoding="utf-8")
    return read_requirements(path, target).packages


def test_a_file_of_pip_compile_is_read(tmp_path: Path) -> None:
    text = f"""
    # written by a tool
    Typing_Extensions==4.16.0 \\
        --hash=sha256:{B} \\
        --hash=sha256:{A}
        # via pydantic
    six[extra] == 1.17.0 --hash sha256:{A}  # as well
    --only-binary=:all:
    """
    assert asked(tmp_path, text) == (
        LockedPackage("six", "1.17.0", (A,)),
        LockedPackage("typing-extensions", "4.16.0", (A, B)),
    )


@pytest.mark.parametrize(
    ("marker", "targets"),
    [
        ("python_version < '3.13'", ()),
        ("python_full_version >= '3.13.15'", (X86_64, ARM64)),
        ("platform_machine == 'aarch64'", (ARM64,)),
        ("platform_machine != 'aarch64' and sys_platform == 'linux'", (X86_64,)),
        ("sys_platform == 'win32' or extra == 'x'", ()),
    ],
)
def test_markers_are_decided_for_the_target(tmp_path: Path, marker: str, targets: tuple[Target, ...]) -> None:
    text = f"six==1 --hash=sha256:{A}\nthing==1 ; {marker} --hash=sha256:{A}"
    for target in (X86_64, ARM64):
        names = [locked.name for locked in asked(tmp_path, text, target)]
        assert names == ["six", "thing"][: 1 + (target in targets)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("six==1.17.0", "six==1.17.0: has no hash"),
        (f"six>=1 --hash=sha256:{A}", "six>=1: is not pinned by =="),
        (f"six==1.* --hash=sha256:{A}", "six==1.*: is not pinned by =="),
        (f"six --hash=sha256:{A}", "six: is not pinned by =="),
        (f"six==1 --hash=md5:{A}", "six==1: has a hash that is no sha256"),
        (f"six @ https://x.example/six.whl --hash=sha256:{A}", "six.whl: comes from an address"),
        (f"six@https://x.example/six.whl --hash=sha256:{A}", "six.whl: comes from an address"),
        ("../six-1.17.0.whl", "../six-1.17.0.whl: comes from an address, a file"),
        (".[extra]", ".[extra]: comes from an address, a file"),
        ("six-1.17.0.tar.gz", "six-1.17.0.tar.gz: comes from an address, a file"),
        ("git+https://x.example/six", "git+https://x.example/six: comes from an address"),
        ("six = 1.17.0", "six = 1.17.0: "),
        (f"six==1; python --hash=sha256:{A}", "six==1; python: "),
        (
            f"six==1 --hash=sha256:{A}\nSix==1 --hash=sha256:{B}",
            "six==1 and Six==1: stands there with different hashes",
        ),
        (f"six==1 --hash=sha256:{A}\nsix==2", "six==1 and six==2: is pinned to different versions: 1, 2"),
        (f"six==1 --hash=sha256:{A}\nsix>1", "six==1 and six>1: is pinned to 1, which >1 does not allow"),
        ("# nothing", "it asks for no package on this target"),
    ],
)
def test_what_is_not_locked_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(NotLocked) as caught:
        asked(tmp_path, text)
    assert told in caught.value.why


def test_everything_that_is_not_locked_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(NotLocked) as caught:
        asked(tmp_path, "a==1\n\nb\n-e .")
    told = caught.value.why.split("\n       ")
    assert [line.removeprefix(f"{tmp_path / 'packages.txt'}, ").partition(": ")[0] for line in told] == [
        "line 4",
        "line 1",
        "line 3",
    ]


@pytest.mark.parametrize(
    ("more", "hashes"),
    [
        (f"six --hash=sha256:{A}", (A,)),
        ("six>=1,!=1.16", (A, B)),
        (f"six==1.17 --hash=sha256:{B}\nother>3", (B,)),
        (f"six==2 ; python_version < '3.13' --hash=sha256:{A}", (A, B)),
    ],
)
@pytest.mark.parametrize("option", ["-c more.txt", ""])
def test_all_lines_on_a_package_hold_at_once(tmp_path: Path, more: str, hashes: tuple[str, ...], option: str) -> None:
    (tmp_path / "more.txt").write_text(more, encoding="utf-8")
    text = f"six==1.17.0 --hash=sha256:{B} --hash=sha256:{A}\n{option or more.splitlines()[0]}"
    assert asked(tmp_path, text) == (LockedPackage("six", "1.17.0", hashes),)


def test_a_constraint_may_be_what_locks_a_package(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text(f"six==1.17.0 --hash=sha256:{A.upper()}", encoding="utf-8")
    assert asked(tmp_path, "-c more.txt\nsix") == (LockedPackage("six", "1.17.0", (A,)),)


def test_what_is_passed_over_is_noted_without_its_value(tmp_path: Path) -> None:
    path = tmp_path / "packages.txt"
    path.write_text(f"-i https://me:secret@x.example/\n--pre\nsix==1 --hash=sha256:{A}", encoding="utf-8")
    (note,) = lock_packages(path, PRODUCT, PLATFORMS[0]).notes
    assert note == f"{path}, line 1: --index-url is passed over: pip's own settings say where packages come from"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.txt", "There is no such file."), (tmp_path, "It is a folder.")):
        with pytest.raises(NotLocked, match="cannot be read") as caught:
            read_requirements(path, X86_64)
        assert caught.value.why == why


def test_what_is_locked_is_locked_for_a_product_on_a_platform(tmp_path: Path) -> None:
    path = tmp_path / "packages.txt"
    path.write_text(f"six==1 --hash=sha256:{A}\nno==1 ; python_version < '3.13' --hash=sha256:{A}", encoding="utf-8")
    platform = Platform(PLATFORMS[1].cpu, "2.34")
    locked = lock_packages(path, PRODUCT, platform)
    assert (locked.product, locked.platform) == (PRODUCT, platform)
    assert locked.packages == (LockedPackage("six", "1", (A,)),)
    assert locked.installer == version("installer")


# Wheels.


def wheels(index: Index, target: Target = X86_64) -> list[str]:
    """Names of the wheels that the target gets of everything in the index."""
    folder = index.folder.parent / "wheels"
    locked = read_requirements(index.requirements(), target).packages
    return [path.name for path in download_wheels(locked, target, folder, RecordingReport())]


@pytest.mark.parametrize(("target", "machine"), [(X86_64, "x86_64"), (ARM64, "aarch64")])
def test_the_target_and_not_this_machine_decides_the_wheel(index: Index, target: Target, machine: str) -> None:
    for other in ("x86_64", "aarch64"):
        index.add("thing", {other: b""}, tag=f"cp313-cp313-manylinux_2_17_{other}.manylinux2014_{other}")
    index.add("thing", {"pure": b""})
    index.add("thing", {"musl": b""}, tag="cp313-cp313-musllinux_1_2_x86_64")
    index.add("thing", {"older": b""}, tag=f"cp312-cp312-manylinux_2_17_{machine}")
    assert wheels(index, target) == [f"thing-1.0-cp313-cp313-manylinux_2_17_{machine}.manylinux2014_{machine}.whl"]


def test_a_python_without_a_gil_takes_wheels_for_it_or_for_every_python(index: Index) -> None:
    """An abi3 wheel is none: it is compiled for objects as they are with the GIL."""
    target = replace(X86_64, version="3.14.7", abi_flags="t")
    assert (target.executable, target.abi) == ("python3.14t", "cp314t")
    for tag in ("cp314-cp314", "cp314-abi3", "cp313-cp313t"):
        index.add("thing", {tag: b""}, tag=f"{tag}-manylinux_2_17_x86_64")
    with pytest.raises(NoWheel, match=r"CPython 3\.14t on x86_64"):
        wheels(index, target)
    index.add("thing", {"own": b""}, tag="cp314-cp314t-manylinux_2_17_x86_64")
    assert wheels(index, target) == ["thing-1.0-cp314-cp314t-manylinux_2_17_x86_64.whl"]
    index.add("pure", {"a": b""})
    assert wheels(index, target) == ["pure-1.0-py3-none-any.whl", "thing-1.0-cp314-cp314t-manylinux_2_17_x86_64.whl"]


def test_a_wheel_for_a_newer_glibc_is_for_a_newer_runtime(index: Index) -> None:
    index.add("thing", {"a": b""}, tag="cp313-abi3-manylinux_2_28_x86_64")
    with pytest.raises(NoWheel) as caught:
        wheels(index)
    assert caught.value.what == "thing==1.0 has no wheel for this target."
    assert "--runtime provided.al2023" in caught.value.do
    assert wheels(index, for_glibc("2.34")) == ["thing-1.0-cp313-abi3-manylinux_2_28_x86_64.whl"]


def test_the_tags_of_a_target_begin_with_its_own_glibc() -> None:
    x86_64, arm64 = list(platforms(X86_64)), list(platforms(ARM64))
    assert (x86_64[0], x86_64[-1]) == ("manylinux_2_26_x86_64", "manylinux1_x86_64")
    assert (arm64[0], arm64[-2:]) == ("manylinux_2_26_aarch64", ["manylinux_2_17_aarch64", "manylinux2014_aarch64"])


def test_an_sdist_is_not_built(index: Index) -> None:
    path = index.folder / "thing-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        script = b"raise SystemExit('this ran')"
        member = tarfile.TarInfo("thing-1.0/setup.py")
        member.size = len(script)
        archive.addfile(member, BytesIO(script))
    index.lock("thing", path)
    with pytest.raises(NoWheel, match="has no wheel"):
        wheels(index)


def test_a_wheel_that_is_not_the_locked_one_is_refused(index: Index) -> None:
    index.add("thing", {"a": b"1"})
    index.locked["thing==1.0"] = [A]
    with pytest.raises(WrongHash) as caught:
        wheels(index)
    assert A in caught.value.why


def test_an_index_out_of_reach_is_told_as_such(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.locked["thing==1.0"] = [A]
    for name, value in {"NO_INDEX": "0", "INDEX_URL": "http://127.0.0.1:9/", "RETRIES": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(FetchFailed):
        wheels(index)


# Files.


def installed(index: Index, *paths: Path) -> tuple[Packages, Path]:
    """What wheels become, and the folder."""
    tree = index.folder.parent / "tree"
    given = {LockedPackage(path.name.partition("-")[0], "1.0", ()): path for path in paths}
    return install_wheels(given, X86_64, tree, index.folder.parent / "staging"), tree


def test_a_wheels_files_stand_where_the_loop_finds_them(index: Index) -> None:
    scripts = b"[console_scripts]\nrun = thing:main\n"
    files = {
        "thing/__init__.py": b"def main(): ...\n",
        "thing/__pycache__/__init__.cpython-313.pyc": b"whatever",
        "thing-1.0.dist-info/entry_points.txt": scripts,
        "thing-1.0.data/data/etc/thing.conf": b"x=1\n",
        "thing-1.0.data/scripts/hello": b"#!python\nprint()\n",
    }
    found, tree = installed(index, index.add("thing", files))
    assert sorted(found.owners) == sorted(
        (
            *("python/bin/hello", "python/bin/run", "python/etc/thing.conf", f"{SITE}/thing/__init__.py"),
            *(f"{SITE}/thing-1.0.dist-info/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL")),
            f"{SITE}/thing-1.0.dist-info/entry_points.txt",
        )
    )
    assert set(found.owners.values()) == {("thing",)}
    for script in ("hello", "run"):
        path = tree / "python" / "bin" / script
        assert path.read_text(encoding="utf-8").splitlines()[0] == "#!/opt/bin/python3.13"
        assert path.stat().st_mode & 0o100


def test_record_lists_what_is_there_sorted_and_without_anything_of_this_machine(index: Index) -> None:
    files = {"z.py": b"", "a.py": b"", "thing-1.0.dist-info/entry_points.txt": b"[console_scripts]\nrun = a:b\n"}
    found, tree = installed(index, index.add("thing", files))
    record = (tree / SITE / "thing-1.0.dist-info" / "RECORD").read_text(encoding="utf-8")
    listed = [line.split(",")[0] for line in record.splitlines()]
    assert sorted(listed) == sorted(
        path.removeprefix(f"{SITE}/").replace("python/bin", "../../../bin") for path in found.owners
    )
    own = [path for path in listed if not path.startswith("..")]
    assert own == sorted(own)
    empty = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    assert f"a.py,sha256={empty},0" in record
    assert str(index.folder.parent) not in record


def test_a_package_is_described_as_sources_are(index: Index) -> None:
    metadata = "License: BSD\nProject-URL: Source, https://x.example/thing\n"
    path = index.add("thing", {"a.py": b""}, metadata=metadata)
    ((described),) = installed(index, path)[0].sources
    content = path.read_bytes()
    archive = Archive(path.name, hashlib.sha256(content).hexdigest(), len(content), pypi="thing==1.0")
    assert described == Source("thing", "thing", "1.0", "BSD", "https://x.example/thing", (archive,))


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: Apache-2.0 OR MIT\nLicense: Apache\n", "Apache-2.0 OR MIT"),
        (f"License: {'x' * 101}\nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("Classifier: Programming Language :: Python\n", ""),
    ],
)
def test_a_licence_is_what_the_metadata_says_shortly(index: Index, metadata: str, licence: str) -> None:
    packages, _ = installed(index, index.add("thing", {}, metadata=metadata))
    assert packages.sources[0].licence == licence


def test_what_was_installed_is_read_as_it_was_written(index: Index, tmp_path: Path) -> None:
    packages, _ = installed(index, index.add("thing", {"a.py": b""}))
    packages = replace(packages, elf_files=(Elf("a.so", "EM_X86_64", "2.26", ("libc.so.6",), 1),))
    packages.write(tmp_path)
    assert Packages.read(tmp_path) == packages


def test_what_packages_need_and_is_not_there_is_known(index: Index) -> None:
    needs = (
        *("Other_Thing", "absent>=2", "windows; sys_platform == 'win32'", "more; extra == 'more'"),
        "older; python_version < '3.13'",
    )
    metadata = "".join(f"Requires-Dist: {need}\n" for need in needs)
    _, tree = installed(index, index.add("thing", {}, metadata=metadata), index.add("other_thing", {}))
    assert [*missing(tree / SITE, X86_64)] == ["thing needs absent, which is not among the packages"]


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        ({"shared/a.py": b"1"}, {"shared/a.py": b"2"}, "shared/a.py"),
        ({"shared": b"1"}, {"shared/a.py": b"2"}, "shared/a.py"),
        ({"shared/a.py": b"1"}, {"shared": b"2"}, "shared"),
    ],
    ids=["file-and-file", "file-and-folder", "folder-and-file"],
)
def test_two_packages_with_different_files_at_one_place_are_named(
    index: Index, one: dict[str, bytes], other: dict[str, bytes], place: str
) -> None:
    with pytest.raises(FilesCollide) as caught:
        installed(index, index.add("one", one), index.add("other", other))
    assert caught.value.why == f"one and other: {SITE}/{place}"


def test_the_same_file_of_two_packages_is_both_ones(index: Index) -> None:
    packages, _ = installed(index, *(index.add(name, {"space/__init__.py": b"#"}) for name in ("one", "other")))
    assert packages.owners[f"{SITE}/space/__init__.py"] == ("one", "other")


@pytest.mark.parametrize("path", ["../../../../bin/python3.13", "thing-1.0.data/scripts/../../../x", "/etc/passwd"])
def test_a_wheel_that_leaves_its_folder_is_refused(index: Index, path: str) -> None:
    with pytest.raises(UnsafeArchive, match=r"thing-1\.0-py3-none-any\.whl cannot be installed"):
        installed(index, index.add("thing", {path: b"!"}))
    assert not (index.folder.parent / "tree").exists()


def test_what_is_no_wheel_is_refused(index: Index) -> None:
    path = index.folder / "thing-1.0-py3-none-any.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(UnsafeArchive):
        installed(index, path)


# Compiled code.


def loadable(folder: Path, content: bytes, target: Target = X86_64) -> None:
    (folder / "thing.so").write_bytes(content)
    check_loadable(folder, {"thing.so": ("thing",)}, target)


GOOD = ElfFile(
    imports=("PyLong_FromLong", "memcpy"),
    exports=("PyInit_thing",),
    versions=("GLIBC_2.2.5", "GLIBC_2.14"),
    versioned=True,
    segments=(*ElfFile.segments, (elf_files.PT_DYNAMIC, elf_files.READ)),
)


def test_an_extension_module_for_the_target_passes(tmp_path: Path) -> None:
    loadable(tmp_path, GOOD.content())
    loadable(tmp_path, replace(GOOD, machine=elf_files.AARCH64).content(), ARM64)
    loadable(tmp_path, ElfFile(linked_dynamically=False).content())
    loadable(tmp_path, b"#!/bin/sh\n")


def test_one_for_another_processor_is_told_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(NotLoadable) as caught:
        loadable(tmp_path, GOOD.content(), ARM64)
    assert caught.value.why == "thing: thing.so: is for EM_X86_64, not EM_AARCH64"


def test_one_for_a_newer_glibc_is_told_with_its_symbols(tmp_path: Path) -> None:
    newer = replace(GOOD, versions=("GLIBC_2.2.5", "GLIBC_2.28"))
    with pytest.raises(NotLoadable) as caught:
        loadable(tmp_path, newer.content())
    assert caught.value.why == "thing: thing.so: needs glibc 2.28, above 2.26: memcpy@GLIBC_2.28"
    loadable(tmp_path, newer.content(), for_glibc("2.34"))


@pytest.mark.parametrize("library", ["libpython3.13.so.1.0", "libpython3.so"])
def test_one_that_is_linked_to_the_interpreters_library_is_told(tmp_path: Path, library: str) -> None:
    with pytest.raises(NotLoadable) as caught:
        loadable(tmp_path, replace(GOOD, needed=("libc.so.6", library)).content())
    assert caught.value.why.startswith(
        f"thing: thing.so: is linked to {library}, and the interpreter is one executable"
    )


def test_a_program_that_brings_an_interpreters_library_passes(tmp_path: Path) -> None:
    for name, needed in (("tool", ("libpython3.13.so.1.0",)), ("libpython3.13.so.1.0", ("libc.so.6",))):
        (tmp_path / name).write_bytes(replace(GOOD, needed=needed).content())
    check_loadable(tmp_path, dict.fromkeys(("tool", "libpython3.13.so.1.0"), ("thing",)), X86_64)


def lacks(folder: Path, needed: Mapping[str, tuple[str, ...]], target: Target) -> list[str]:
    """What is told of ELF files that need libraries, each in a package of its folder's name."""
    for path, libraries in needed.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(replace(GOOD, needed=("libc.so.6", *libraries)).content())
    owners = {path: (path.partition("/")[0],) for path in needed}
    return list(lacking(check_loadable(folder, owners, target), owners, target))


def test_a_library_that_nobody_has_is_told_by_name(tmp_path: Path) -> None:
    needed = {"odbc/a.so": ("libodbc.so.2",), "odbc/b.so": ("libodbc.so.2", "libstdc++.so.6", "libz.so.1")}
    (told,) = lacks(tmp_path, needed, X86_64)
    assert told == (
        "odbc: odbc/a.so and 1 more needs libodbc.so.2, which is not in provided.al2023 and provided.al2 nor in the "
        "packages; the function or another layer may bring it, in lib/"
    )


def test_a_library_that_a_package_brings_is_not_told(tmp_path: Path) -> None:
    needed = {
        "one/a.so": ("libown-1a2b.so.3", "libothers.so.1"),
        "one.libs/libown-1a2b.so.3": (),
        "two/libothers.so.1": (),
    }
    assert lacks(tmp_path, needed, X86_64) == []


@pytest.mark.parametrize(
    ("library", "for_all", "for_2023"),
    [
        ("libcrypt.so.1", "is not in provided.al2023 nor", "is not in provided.al2023 nor"),
        ("libcrypto.so.3", "is not in provided.al2 nor", None),
        ("libcrypto.so.10", "is not in provided.al2023 nor", "is not in provided.al2023 nor"),
        ("libgomp.so.1", "is not in provided.al2023 and provided.al2 nor", "is not in provided.al2023 nor"),
        ("libgcc_s.so.1", None, None),
        ("ld-linux-aarch64.so.1", None, None),
    ],
)
def test_a_system_has_to_be_one_that_the_layer_is_for(
    tmp_path: Path, library: str, for_all: str | None, for_2023: str | None
) -> None:
    for target, expected in ((X86_64, for_all), (for_glibc("2.34"), for_2023)):
        told = lacks(tmp_path, {"one/a.so": (library,)}, target)
        assert len(told) == (expected is not None)
        assert (expected or "") in "".join(told)


def test_the_systems_lists_are_of_the_runtimes_and_name_a_library_once() -> None:
    listed = read_policy("libraries.toml")
    assert listed.keys() == RUNTIMES.keys()
    for packages in listed.values():
        names = [name for libraries in packages.values() for name in libraries]
        assert sorted(set(names)) == sorted(names)
        assert set(read_policy("elf.toml")["needed"]) <= set(names)  # what the interpreter itself needs


def test_a_damaged_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotLoadable, match=r"thing\.so: is damaged"):
        loadable(tmp_path, b"\x7fELF\x02\x01\x01")


# The layer.


def test_bytecode_is_from_the_package_that_its_source_is_from(tmp_path: Path) -> None:
    folder = tmp_path / "python" / "__pycache__"
    folder.mkdir(parents=True)
    for path in (tmp_path / "python" / "a.b.py", folder / "a.b.cpython-313.pyc"):
        path.write_bytes(b"")
    owners = with_bytecode(tmp_path, {"python/a.b.py": ("one", "two")})
    assert owners == dict.fromkeys(("python/a.b.py", "python/__pycache__/a.b.cpython-313.pyc"), ("one", "two"))


def test_what_packages_bring_has_their_names_as_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "python" / "a.py"
    path.parent.mkdir()
    path.write_bytes(b"")
    before = LayerTree((Entry("bootstrap", b"", FILE),), {"bootstrap": ("runtime",)})
    layer = with_packages(before, tmp_path, {"python/a.py": ("one", "two")})
    assert layer.origins == {"bootstrap": ("runtime",), "python/a.py": ("pypi:one", "pypi:two")}
    assert [entry.path for entry in layer.entries] == ["bootstrap", "python/a.py"]


def test_a_layer_that_lambda_would_not_unzip_names_what_weighs_most() -> None:
    def layer(size: int) -> LayerTree:
        entries = (Entry("a", bytes(size), FILE), Entry("b", bytes(100_000_000), FILE))
        return LayerTree(entries, {"a": ("pypi:torch",), "b": ("pypi:numpy",)})

    check_unzipped(layer(162_144_000), 262_144_000)
    with pytest.raises(LayerTooLarge) as caught:
        check_unzipped(layer(162_144_001), 262_144_000)
    assert "262,144,001 bytes" in caught.value.why
    assert "torch 162 MB, numpy 100 MB" in caught.value.why


def test_every_failure_of_packages_is_told_apart_by_its_exit_code() -> None:
    kinds: tuple[type[BuildError], ...] = (NotLocked, NoWheel, NotLoadable, FilesCollide, LayerTooLarge)
    assert [kind.exit_code for kind in kinds] == [24, 25, 26, 27, 28]
