"""requirements files: they mean what they mean to pip, or an error says which line does not, and why."""

import codecs
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from pip._internal.exceptions import InstallationError, PipError
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements
from pip._internal.req.req_install import InstallRequirement
from pip._internal.resolution.resolvelib.base import Constraint

from builder.errors import NotLocked
from builder.interpreters.cpython.packages.requirement_lines import read_lines
from builder.interpreters.cpython.packages.requirements import environment, read_requirements
from builder.interpreters.cpython.target import Target

from .fakes import ROOT
from .repository import PLATFORMS

TARGET = Target("3.14.7", PLATFORMS[0])
A, B, C = ("a" * 64, "b" * 64, "c" * 64)
VARIABLE = {"LAYER_TEST_VERSION": "1.17.0"}

Locks = dict[str, tuple[Version, frozenset[str]]]
"""Name of a package → its version, and the sha256 of its files."""


# The differential test.


def by_pip(path: Path) -> Locks:
    """What pip's own parser reads; `PipError` if it refuses."""
    found: dict[str, list[InstallRequirement]] = defaultdict(list)
    for parsed in parse_requirements(str(path), PipSession()):
        asked = install_req_from_parsed_requirement(parsed)
        if parsed.constraint and asked.extras:  # as its resolver does
            raise InstallationError("Constraints cannot have extras")
        if not asked.markers or asked.markers.evaluate(environment(TARGET)):
            assert asked.name
            found[canonicalize_name(asked.name)].append(asked)
    return {name: _lock(lines) for name, lines in found.items() if not all(line.constraint for line in lines)}


def _lock(lines: list[InstallRequirement]) -> tuple[Version, frozenset[str]]:
    """What pip's resolver makes of all lines on a package."""
    combined = reduce(Constraint.__and__, lines, Constraint.empty())
    pins = {Version(each.version) for each in combined.specifier if each.operator == "=="}
    assert len(pins) == 1
    (pin,) = pins
    assert combined.specifier.contains(str(pin), prereleases=True)
    assert combined.hashes._allowed.keys() == {"sha256"}
    return pin, frozenset(combined.hashes._allowed["sha256"])


def by_us(path: Path) -> Locks:
    """`NotLocked` if we refuse."""
    locked = read_requirements(path, TARGET).packages
    return {package.name: (Version(package.version), frozenset(package.sha256)) for package in locked}


def compare(path: Path) -> bool:
    """Whether both read a file, and the same in it; if we refuse it, each reason has its place."""
    try:
        ours = by_us(path)
    except NotLocked as error:
        for problem in error.why.split("\n       "):
            assert re.search(r", line \d+: .+|cannot be read: .+|asks for no package", problem), problem
        return False
    assert ours == by_pip(path)
    return True


NAMES = ("six", "Typing_Extensions", "zope.interface", "idna", "a-b.c_d")
MARKERS = ('python_version < "3.9"', "sys_platform == 'linux'", "python_full_version>='3.14.1' and os_name=='posix'")
FRAME = (
    *("x @ https://x.example/x.whl ; sys_platform == 'win32'", "./x-1-py3-none-any.whl ; python_version < '3'"),
    f"x==1 ; sys_platform == 'win32' --hash=sha512:{A}{B}",
    *("", "   ", "# a comment", "#comment \\", "  # one more \\", "    # via -r requirements.in"),
    *(
        "-i https://x.example/simple",
        "--index-url=https://x.example/simple # a comment",
        "--pypi-url https://x.example",
    ),
    *(
        "--extra-index-url https://x.example/ --trusted-host x.example",
        "-f wheels/",
        "--find-links=./a\\ b",
        "--no-index",
    ),
    *("--trusted-host x.example:8080", "--pre", "--prefer-binary", "--only-binary :all:", "--only-binary=six,idna"),
    *("--require-hashes", "--no-binary :none:", "--extra-index 'https://x.example/a b'"),
)
"""Lines that ask for nothing."""
BROKEN = (
    *(
        "-e .",
        "six",
        "six>=1",
        "six==1.*",
        "../six.whl",
        "six @ https://x.example/six.whl",
        "git+https://x.example/six",
    ),
    *(f"six==1 --hash=sha256:{A} ; python_version < '3'", f"six==1\t--hash=sha256:{A}", f"six==1 --hash=md5:{A}"),
    *(f"six==1 --hash=sha256:{A} -r inner.txt", f"--hash=sha256:{A}", "-r nowhere.txt", "-c nowhere.txt"),
    *(
        "-r https://x.example/requirements.txt",
        "--no-binary six",
        "--frobnicate",
        "-r",
        "six==1 --hash",
        "'",
        "--pre=1",
    ),
    *(f'six==1 --hash="sha256:{A}', "-r a.txt -r b.txt", "six==1 --hash=sha256:1234", f"six=1 --hash=sha256:{A}"),
    *(
        f"six==2 --hash=sha256:{C}",
        f"six==1.17.0 --hash=sha256:{C}",
        f"six[ --hash=sha256:{A}",
        "\x00",
        "-r inner.txt x",
    ),
    "-c extras.txt",
    *(
        "six==${LAYER_TEST_NOTHING}",
        f"six == 1.17.0 \\\n# ends it\n  --hash=sha256:{A}",
        "--global-option x",
        "--",
        "--index \\",
    ),
)
"""Lines that at least one of us does not like."""
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be", "utf-16-le", "latin-1", "ascii-said")
MARKS = {"utf-16-be": codecs.BOM_UTF16_BE, "utf-16-le": codecs.BOM_UTF16_LE}


class Writer:
    """Writes requirements files by chance."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.names = iter(("packages.txt", *(f"inner-{number}.txt" for number in range(1000))))
        self.broken = seed % 2

    def file(self, depth: int = 0, *, constraint: bool = False) -> Path:
        path = self.folder / next(self.names)
        lines = [self.line(depth, constraint=constraint) for _ in range(self.chance.randint(1, 9))]
        text = "\n".join(lines) + "\n" * self.chance.randint(0, 1) + "\\\n" * (self.chance.random() < 0.1)
        encoding = self.chance.choice(ENCODINGS)
        if encoding in ("latin-1", "ascii-said"):
            text = f"# -*- coding: {'latin-1' if encoding == 'latin-1' else 'ascii'} -*-\n" + text
        elif self.chance.random() < 0.3:
            text += "\n# snow \N{SNOWMAN}"
        text = text.replace("\n", self.chance.choice(("\n", "\n", "\r\n", "\r" if encoding != "latin-1" else "\n")))
        content = text.encode("ascii" if encoding == "ascii-said" else encoding)
        path.write_bytes(MARKS.get(encoding, b"") + content)
        return path

    def line(self, depth: int, *, constraint: bool) -> str:
        roll = self.chance.random()
        if roll < 0.35:
            return self.chance.choice(FRAME)
        if roll < 0.45 and depth < 2:
            option = self.chance.choice(("-r ", "-c ", "-r", "--requirement=", "--constraint ", "--requirem "))
            return option + self.file(depth + 1, constraint=option.startswith(("-c", "--c"))).name
        if roll < 0.55 and self.broken:
            return self.chance.choice(BROKEN)
        return self.package(constraint=constraint)

    def package(self, *, constraint: bool) -> str:
        chance = self.chance
        name = chance.choice(NAMES)
        extras = () if constraint else (f"{name}[extra]",)
        name = chance.choice((name, name, name.upper(), f" {name} ", *extras))
        version = chance.choice(
            ("==1.17.0", "==1.17.0", " == 1.17.0", "==1.17", "==${LAYER_TEST_VERSION}", "==1.17.0,>=1")
        )
        marker = chance.choice(("", "", "", ";", *(f"{gap}; {text}" for text in MARKERS for gap in ("", " "))))
        hashes = [A, *chance.sample((B, C), chance.randint(0, 2))]
        chance.shuffle(hashes)
        gap = chance.choice((" ", " \\\n    ", " \\\n", "  "))
        style = chance.choice(("--hash=sha256:{}", "--hash sha256:{}", '--hash="sha256:{}"', "--has=sha256:{}"))
        said = [style.format(chance.choice((each, each.upper()))) for each in hashes]
        said += [chance.choice(("--index-url https://x.example", "--pre"))] * (chance.random() < 0.1)
        return gap.join((f"{name}{version}{marker}", *said)) + chance.choice(("", "", "  # via this", " \\\n  # via"))


COLLECTED = [
    *(path for path in sorted((ROOT / "requirements").rglob("*.txt")) if path.stem not in ("popular", "pyperformance")),
    *sorted((ROOT / "examples").rglob("requirements*.txt")),
]
GENERATED = 240


@pytest.mark.parametrize("path", COLLECTED, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_repositorys_own_files_are_read_as_pip_reads_them(path: Path) -> None:
    assert compare(path)


@pytest.mark.parametrize("seed", range(GENERATED))
def test_a_generated_file_is_read_as_pip_reads_it_or_refused_by_name(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in VARIABLE.items():
        monkeypatch.setenv(name, value)
    compare(Writer(seed, tmp_path).file())


def test_most_generated_files_without_broken_lines_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLE.items():
        monkeypatch.setenv(name, value)
    refused = []
    for seed in range(0, GENERATED, 2):
        (tmp_path / str(seed)).mkdir()
        try:
            by_us(Writer(seed, tmp_path / str(seed)).file())
        except NotLocked as error:
            refused.append(error.why)
    assert set(refused) <= {"it asks for no package on this target"}
    assert len(refused) < GENERATED / 2 * 0.3


def test_what_pip_refuses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "extras.txt").write_text("six[a]==1", encoding="utf-8")
    path = tmp_path / "packages.txt"
    refused = 0
    for line in BROKEN:
        if "https://" in line:  # pip would fetch it
            continue
        path.write_text(f"{line}\nother==1 --hash=sha256:{A}\n", encoding="utf-8")
        try:
            by_pip(path)
        except (PipError, ValueError, AssertionError):
            refused += 1
            with pytest.raises(NotLocked):
                by_us(path)
    assert refused > 15


# Single rules.


def texts(path: Path) -> list[str]:
    reading = read_lines(path)
    assert reading.problems == []
    return [line.text for line in reading.lines]


SIX, IDNA = f"six==1.17.0 --hash=sha256:{A}", f"idna==3.11 --hash=sha256:{B}"


@pytest.mark.parametrize(
    "content",
    [
        f"# pinned for the layer \\\n{SIX}\n{IDNA}\n".encode(),
        codecs.BOM_UTF8 + f"# header\n{SIX}\n{IDNA}".encode(),
        f"{SIX}\r\n# \u2603\r\n{IDNA}\r\n".encode("utf-16"),
        b"# vim: set fileencoding=latin-1:\n# caf\xe9\n" + f"{SIX}\n{IDNA}".encode(),
        f"#\n# pip-compile --generate-hashes\n--find-links wheels/\n\n{SIX} \\\n    # via x\n{IDNA} \\\n".encode(),
    ],
    ids=["a-comment-is-not-continued", "utf-8-mark", "utf-16", "coding", "pip-compile"],
)
def test_both_packages_are_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "packages.txt"
    path.write_bytes(content)
    assert texts(path) == ["six==1.17.0", "idna==3.11"]


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "packages.txt"
    path.write_text(text, encoding="utf-8")
    return [problem.removeprefix(f"{path}, ") for problem in read_lines(path).problems]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-e .", "-e".replace("-e", "--editable") + " is a folder or a repository; build its wheel, and lock it"),
        ("--no-binary six", "--no-binary asks for an sdist, and none is built: its code would run"),
        ("-r https://x.example/a.txt", "https://x.example/a.txt: is at an address; fetch it, and name the file"),
        ("-r packages.txt", "packages.txt: includes itself"),
        ("-c nowhere.txt", "nowhere.txt: cannot be read: No such file or directory"),
        (f"six==1 -r a.txt --hash=sha256:{A}", "six==1: a.txt stands behind it on one line, where pip passes over it"),
        ("-r a.txt -c b.txt", "b.txt stands behind a.txt on one line, where pip passes over it"),
        (
            f"six==1 --hash=sha256:{A} ; python_version < '3'",
            "six==1: ';' stands behind an option and belongs to none: pip passes over it",
        ),
        (
            f"  --hash=sha256:{A}",
            "the hash belongs to no package; the line before may lack a backslash at its end",
        ),
        ("six==1 --frobnicate", "six==1: pip does not know what it means: no such option: --frobnicate"),
        (
            f"six==1 ; python_version < '3' --hash=md5:{A}",
            "six==1 ; python_version < '3': has a hash that is no sha256",
        ),
        ("six==1 --hash='", "six==1: No closing quotation"),
    ],
)
def test_what_is_refused_is_named_with_its_place_and_the_reason(tmp_path: Path, line: str, told: str) -> None:
    assert problems(tmp_path, f"# first\n\n{line}\n") == [f"line 3: {told}"]


def test_a_file_in_no_known_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "inner.txt").write_bytes(b"six==1 # caf\xe9")
    (told,) = problems(tmp_path, "-r inner.txt")
    assert told.startswith("line 1: inner.txt: cannot be read: 'utf-8' codec can't decode byte 0xe9")
    (tmp_path / "inner.txt").write_bytes(b"# coding: klingon")
    assert problems(tmp_path, "-r inner.txt") == [
        "line 1: inner.txt: cannot be read: unknown encoding: klingon; save it as UTF-8"
    ]


def included(folder: Path) -> Iterator[str]:
    path = folder / "packages.txt"
    for line in read_lines(path).lines:
        yield f"{line.where.removeprefix(f'{folder}/')}: {line.text}{' (constraint)' if line.constraint else ''}"


def test_files_are_included_from_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "packages.txt").write_text("a\n-r deep/one.txt\n-c deep/two.txt\nb", encoding="utf-8")
    (tmp_path / "deep" / "one.txt").write_text("c\n-r er/two.txt", encoding="utf-8")
    (tmp_path / "deep" / "two.txt").write_text("-r one.txt\nd", encoding="utf-8")
    (tmp_path / "deep" / "er" / "two.txt").write_text("\n\\\ne", encoding="utf-8")
    assert list(included(tmp_path)) == [
        *("packages.txt, line 1: a", "deep/one.txt, line 1: c", "deep/er/two.txt, line 2: e"),
        # What a constraints file includes with -r asks for packages, with pip as well.
        *("deep/one.txt, line 1: c", "deep/er/two.txt, line 2: e", "deep/two.txt, line 2: d (constraint)"),
        "packages.txt, line 4: b",
    ]
