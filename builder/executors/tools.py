"""The programs that a build takes from the system that it runs in, be that the machine or a container's image."""

from collections.abc import Sequence

from builder.errors import MissingTool

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


def missing_tools(where: str, missing: Sequence[str], modules: Sequence[str]) -> MissingTool:
    """The error for programs and modules of Perl that ``where`` lacks."""
    debian = {TOOLS[tool][0] for tool in missing} | ({"perl"} if modules else set())
    amazon = {TOOLS[tool][1] for tool in missing} | {f"'perl({module})'" for module in modules}
    wanted = [*missing, *(f"perl's {module}" for module in modules)]
    return MissingTool(
        f"{where} lacks programs that the build calls.",
        f"Not found: {', '.join(wanted)}.",
        f"On Debian or Ubuntu: apt-get install {' '.join(sorted(debian))}\n"
        f"       on Amazon Linux or Fedora: dnf install {' '.join(sorted(amazon))}",
    )
