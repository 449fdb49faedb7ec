"""Builds twice from nothing, the second time under other circumstances, and compares the bytes.

Both builds begin with an empty store and an empty compiler cache: zig would otherwise hand the second one the first
one's objects, and hide what differs. The second one's commands run in a container if one can be had: another system,
another user, other paths, no network. What this machine does itself is varied all the same.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder import CACHE_VARIABLE, ROOT
from builder.artifacts.export import SUMS
from builder.errors import MissingTool, NotReproducible, StepFailed
from builder.executors.choice import Choice, open_executor
from builder.executors.host import Host
from builder.executors.images import load_images
from builder.fetch import SOURCES_VARIABLE, file_sha256
from builder.fetch.report import Report

LATER = "+400d"
HOST = "elsewhere.example"
LIBFAKETIME = "faketime/libfaketime.so.1"


@dataclass(frozen=True)
class Variation:
    """One circumstance of the second build that differs from the first's."""

    name: str
    what: str
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    """For the builder."""
    setup: str = ""
    """Shell commands in namespaces of our own; ``$cache`` is the cache folder, the others are scratch."""
    teardown: str = ""
    wrapper: tuple[str, ...] = ()
    """Words before the builder's command."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Program it takes → Debian package that has it."""


OTHER_LOCALE = "C" if os.environ.get("LC_ALL") == "C.UTF-8" else "C.UTF-8"  # of the few that are everywhere

VARIATIONS = (
    Variation("locale", "LANG, LC_ALL", {"LANG": "tr_TR.UTF-8", "LC_ALL": OTHER_LOCALE, "LANGUAGE": "tr"}),
    Variation("timezone", "TZ", {"TZ": "Pacific/Kiritimati"}),
    Variation("user", "HOME and the user's name", {"HOME": "/nonexistent", "USER": "mallory", "LOGNAME": "mallory"}),
    Variation("umask", "umask 077", setup="umask 077"),
    Variation("jobs", "three processes at once", options=("--jobs=3",)),
    Variation("hostname", HOST, setup=f"hostname {HOST}", tools={"hostname": "hostname"}),
    Variation(
        "randomness", "no address space randomisation", wrapper=("setarch", "-R"), tools={"setarch": "util-linux"}
    ),
    Variation(
        "readdir",
        "folders list their entries in reverse",
        # The kernel may keep what it has read, for nobody goes past this mount; else a build takes four times as long.
        setup="disorderfs --quiet --multi-user=no --reverse-dirents=yes"
        ' -o kernel_cache,entry_timeout=10,attr_timeout=10 "$disk" "$cache"',
        teardown='cd /; umount "$cache"',
        tools={"disorderfs": "disorderfs"},
    ),
    Variation(
        "clock",
        f"the date is {LATER}, for every dynamically linked program",
        # Through /etc of the namespace, because the executor lets no variable of the caller through to a command.
        setup=f"""
cp -a /etc/. "$etc"; echo "$libfaketime" > "$etc/ld.so.preload"; echo "{LATER}" > "$etc/faketimerc"
mount --bind "$etc" /etc""",
        tools={"faketime": "faketime"},
    ),
)


def reproduce(
    without: tuple[str, ...],
    choice: Choice,
    image: str,
    cache: Path,
    report: Report,
    options: tuple[str, ...] = (),
    keep: Callable[[Path], object] = lambda _: None,
    built: Path | None = None,
) -> None:
    """Builds twice and compares every file; ``cache`` has the archives that are here already.

    ``options`` say what is built, and ``keep`` is given the folder of what both builds agree on, before it goes.

    ``choice`` and ``image`` are about the second build; the first one is the host's, or what was ``built`` before,
    among whatever else is in that folder.

    Raises:
        NoEngine, NoImage: there is no container for the second build.
        MissingTool: a variation needs a program that this machine lacks.
        NotReproducible: the results differ; diffoscope's report is in the error.
    """
    chosen = [variation for variation in VARIATIONS if variation.name not in without]
    _check_tools(chosen)
    where = _second_executor(choice, image, chosen, cache, report)
    with tempfile.TemporaryDirectory(prefix="reproduce-") as scratch:
        first, second = Path(scratch, "first"), Path(scratch, "second", "and", "deeper-than-the-other")
        sources = [str(cache / "downloads"), *filter(None, [os.environ.get(SOURCES_VARIABLE)])]
        if built:
            report.note(f"first build: {built}")
        else:
            report.note("first build: on the host, as it is")
            _build(_command(first, (*options, "--in=host")), first, sources, {}, umask=0o022)
            sources = [str(first / "cache" / "downloads")]
        varied = ("another folder", "PATH backwards", *(variation.what for variation in chosen))
        report.note(f"second build: {' '.join(where)}; {'; '.join(varied)}")
        environment = {name: value for variation in chosen for name, value in variation.environment.items()}
        backwards = {"PATH": os.pathsep.join(reversed(os.environ["PATH"].split(os.pathsep)))}
        _build(_varied_command(second, chosen, (*options, *where)), second, sources, backwards | environment)
        _compare(built or first / "dist", second / "dist", report, others=built is not None)
        keep(first / "dist")


def _command(place: Path, options: tuple[str, ...]) -> tuple[str, ...]:
    return (sys.executable, "-m", "builder", "build-layer", f"--output={place / 'dist'}", *options)


def _second_executor(
    choice: Choice, image: str, chosen: list[Variation], cache: Path, report: Report
) -> tuple[str, ...]:
    """The builder's options for the second build's executor, which is made ready now: not after the first build."""
    if any(variation.name == "clock" for variation in chosen) and f"{image}-later" in load_images():
        image = f"{image}-later"
    nothing = Host(cache, cache, 1)
    # Beside two builds, a download counts for little: a proof on another system is worth it.
    with open_executor(choice, image, nothing, report, auto_downloads=True) as executor:
        if executor is nothing:
            return ("--in=host",)
    return ("--in=container", f"--image={image}")


def _varied_command(place: Path, chosen: list[Variation], options: tuple[str, ...]) -> tuple[str, ...]:
    """The builder's command inside namespaces of its own, in which mounts and host name can be changed."""
    words = (
        *(word for variation in chosen for word in variation.wrapper),
        *_command(place, options),
        *(option for variation in chosen for option in variation.options),
    )
    parts = {
        "cache": place / "cache",
        "disk": place / "disk",
        "etc": place / "etc",
        "libfaketime": next(Path("/usr/lib").glob(f"*/{LIBFAKETIME}"), LIBFAKETIME),
    }
    script = "\n".join(
        (
            "set -eu",
            *(f"{name}={shlex.quote(str(path))}" for name, path in parts.items()),
            'mkdir -p "$disk" "$etc"',
            *(variation.setup for variation in chosen),
            f"code=0; {shlex.join(words)} || code=$?",
            *(variation.teardown for variation in chosen),
            "exit $code",
        )
    )
    rootless = () if os.geteuid() == 0 else ("--map-root-user",)
    return ("unshare", "--mount", "--uts", *rootless, "sh", "-c", script)


def _build(
    command: tuple[str, ...], place: Path, sources: list[str], environment: Mapping[str, str], umask: int = -1
) -> None:
    (place / "cache").mkdir(parents=True)
    variables = {
        **os.environ,
        **environment,
        CACHE_VARIABLE: str(place / "cache"),
        SOURCES_VARIABLE: os.pathsep.join(sources),
    }
    done = subprocess.run(command, cwd=ROOT, env=variables, umask=umask, check=False)
    if done.returncode:
        raise StepFailed("One of the two builds failed.", "Its own error is above.", "Fix that first.")


def _compare(first: Path, second: Path, report: Report, *, others: bool) -> None:
    """Compares all files; the first folder may have ``others`` than the second, and their checksums."""
    folders, apart = ((second,), {SUMS}) if others else ((first, second), set())
    names = sorted({path.name for folder in folders for path in folder.iterdir()} - apart)
    digests = {name: (_sha256(first / name), _sha256(second / name)) for name in names}
    differing = [name for name, (one, other) in digests.items() if one != other]
    for name, (digest, _) in digests.items():
        report.note(f"{digest}  {name}{'  DIFFERS' if name in differing else ''}")
    if differing:
        name = next((name for name in differing if name.endswith(".zip")), differing[0])
        raise NotReproducible(
            f"The two builds differ in {', '.join(differing)}.",
            _diffoscope(first / name, second / name),
            "Find the step that differs: leave variations out with --without until the builds agree.",
        )


def _sha256(path: Path) -> str:
    return file_sha256(path) if path.exists() else "missing"


def _diffoscope(first: Path, second: Path) -> str:
    if shutil.which("diffoscope") is None:
        return "Install diffoscope to see how (Debian: diffoscope-minimal)."
    command = ("diffoscope", "--max-report-size=20000", str(first), str(second))
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _check_tools(chosen: list[Variation]) -> None:
    needed = {"unshare": "util-linux", **{tool: package for v in chosen for tool, package in v.tools.items()}}
    missing = [tool for tool in needed if shutil.which(tool) is None]
    if missing:
        affected = [variation.name for variation in chosen if set(variation.tools) & set(missing)]
        raise MissingTool(
            "Not everything that the second build should vary can be varied here.",
            f"Not found: {', '.join(missing)}.",
            f"apt-get install {' '.join(sorted({needed[tool] for tool in missing}))}\n"
            f"       or leave out: {' '.join(f'--without={name}' for name in affected)}",
        )
