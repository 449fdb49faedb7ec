"""The workshop that every Linux machine has: the machine itself, seen through a keyhole.

Commands see one folder of programs, a fixed environment and relative paths; the name of the machine, of the user and
of the folder, the locale and the clock do not get through to what they make.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from builder.disk import no_space
from builder.errors import MissingTool, NotWritable, StepFailed
from builder.recipes import Command
from builder.workshop import EPOCH_VARIABLE, FIXED_ENVIRONMENT

# Programs that the recipes' build systems call → the packages that have them on Debian and on Amazon Linux.
_PACKAGES = {
    "make": ("make", "make"),
    "perl": ("perl", "perl"),
    "awk": ("mawk", "gawk"),
    "sed": ("sed", "sed"),
    "grep": ("grep", "grep"),
    "find": ("findutils", "findutils"),
    "xargs": ("findutils", "findutils"),
    "cmp": ("diffutils", "diffutils"),
    "diff": ("diffutils", "diffutils"),
    "patch": ("patch", "patch"),
    "sh": ("dash", "bash"),
}
_COREUTILS = (
    *("basename", "cat", "chmod", "cp", "cut", "date", "dirname", "echo", "env", "expr", "false", "head", "install"),
    *("ln", "ls", "mkdir", "mktemp", "mv", "od", "printf", "pwd", "rm", "rmdir", "sleep", "sort", "tail", "test"),
    *("touch", "tr", "true", "uname", "uniq", "wc"),
)
TOOLS = {**_PACKAGES, **dict.fromkeys(_COREUTILS, ("coreutils", "coreutils"))}

# Modules of Perl that OpenSSL's Configure loads; minimal systems package them apart.
PERL_MODULES = ("FindBin", "IPC::Cmd", "File::Compare", "File::Copy", "Data::Dumper", "Time::Piece", "Pod::Usage")

_TAIL_LINES, _LINE_WIDTH = 30, 160


class Host:
    """The machine at hand."""

    name = "host"

    def __init__(self, cache: Path, compiler: Path, epoch: int, jobs: int) -> None:
        """``compiler`` is the folder of the unpacked wheel, ``epoch`` the value of SOURCE_DATE_EPOCH in seconds."""
        self._cache = cache
        self._shared = {
            **FIXED_ENVIRONMENT,
            EPOCH_VARIABLE: str(epoch),
            "MAKEFLAGS": f"-j{jobs}",
            "ZIG": str(compiler / "ziglang" / "zig"),
            # The C start-up files and link stubs that zig makes once; what it compiles for us stays in the room.
            "ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"),
        }

    def prepare(self) -> None:
        if any(character.isspace() for character in str(self._cache)):
            raise NotWritable(
                f"The build cannot work in {str(self._cache)!r}.",
                "make takes a space in a path for the end of it.",
                "Set STATIC_PYTHON_CACHE to a folder without spaces in its path.",
            )
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        if "perl" not in missing:
            missing += [f"perl's {module}" for module in PERL_MODULES if not _perl_has(module)]
        if missing:
            debian = sorted({TOOLS.get(tool, ("perl", ""))[0] for tool in missing})
            amazon = sorted({TOOLS.get(tool, ("", f"'perl({tool[7:]})'"))[1] for tool in missing})
            raise MissingTool(
                "This machine lacks programs that the build calls.",
                f"Not found: {', '.join(missing)}.",
                f"On Debian or Ubuntu: apt-get install {' '.join(debian)}\n"
                f"       on Amazon Linux or Fedora: dnf install {' '.join(amazon)}",
            )

    def room(self, work: Path, log: Path) -> "HostRoom":
        for folder in ("bin", "deps", "out", "tmp"):
            (work / folder).mkdir()
        for tool in TOOLS:
            (work / "bin" / tool).symlink_to(shutil.which(tool) or tool)
        own = {"PATH": "bin", "HOME": "", "TMPDIR": "tmp", "ZIG_LOCAL_CACHE_DIR": "zig"}
        environment = {**self._shared, **{name: str(work / folder) for name, folder in own.items()}}
        return HostRoom(work, log, environment)


@dataclass(frozen=True)
class HostRoom:
    """A folder; see `builder.workshop.Room`."""

    root: Path
    log: Path
    environment: Mapping[str, str]

    def put(self, source: Path, place: str) -> None:
        (self.root / place).symlink_to(source.resolve())

    def write(self, place: str, text: str, *, executable: bool = False) -> None:
        path = self.root / place
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if executable else 0o644)

    def run(self, command: Command, environment: Mapping[str, str], *, cwd: str = "src") -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            log.write(_heading(command, environment))
            log.flush()
            process = self._start(command, environment, cwd, log)
            try:
                code = process.wait()
            except BaseException:  # Ctrl-C: take the compilers along
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        if code:
            raise self._failure(command, code)

    def take(self, place: str, destination: Path) -> None:
        (self.root / place).rename(destination)

    def _start(
        self, command: Command, environment: Mapping[str, str], cwd: str, log: BinaryIO
    ) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                command,
                cwd=self.root / cwd,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                umask=0o022,
                process_group=0,
            )
        except FileNotFoundError as error:
            raise StepFailed(
                f"`{command[0]}` cannot be started.",
                f"It is not among the programs that a recipe sees, or {cwd}/ is not there.",
                "Name it in builder/workshop/host.py, with the packages that have it.",
            ) from error

    def _failure(self, command: Command, code: int) -> Exception:
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        if shutil.disk_usage(self.root).free < 1_000_000 or any("No space left on device" in line for line in tail):
            return no_space(self.root)
        indented = "\n".join(f"       | {line[:_LINE_WIDTH]}" for line in tail)
        return StepFailed(
            f"`{' '.join(command)[:200]}` failed.",
            f"It ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}; its last lines:\n{indented}",
            f"The whole log is {self.log}; CONTRIBUTING.md says how to debug a failed step.",
        )


def _heading(command: Command, environment: Mapping[str, str]) -> bytes:
    """The command as it stands in a log: what it adds to the fixed environment, and its words."""
    difference = "".join(f"  {name}={value}\n" for name, value in environment.items())
    return f"\n$ {' '.join(command)}\n{difference}".encode()


def _perl_has(module: str) -> bool:
    return subprocess.run(("perl", f"-M{module}", "-e1"), capture_output=True, check=False).returncode == 0
