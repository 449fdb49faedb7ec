"""The images that containers are made of: what ``docker/images.toml`` pins, and what the engine has under any name.

An image's tag ends in a digest of what it is made of, so a pin that is raised or a Dockerfile that is changed makes a
new image, and nothing that the tag once meant is used again.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from docker.errors import APIError, ImageNotFound
from docker.utils import parse_repository_tag
from filelock import FileLock

from builder import DISTRIBUTION, ROOT
from builder.disk import translate_os_errors
from builder.errors import BadPins, FetchFailed, MissingTool, NoImage, WrongHash
from builder.executors import EPOCH_VARIABLE
from builder.executors.engine import Engine, innermost, other_processor, translate_engine_errors
from builder.fetch import SOURCES_VARIABLE, fetch, file_sha256, is_local
from builder.fetch.report import Report
from builder.pins import Archive, Source
from builder.platform import this_machine

IMAGES_FILE = ROOT / "docker" / "images.toml"
DEFAULT_IMAGE = "al2023"
SCHEMA = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COLOUR = re.compile(r"\x1b\[\d*m")
"""The engine shows in red what a command writes to standard error."""
_LATEST = 315_532_800
"""1980-01-01: nothing in a root file system that mmdebstrap makes is later, so the day does not show."""
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""The engines' names of processors → those of `builder.platform`."""


@dataclass(frozen=True)
class Image:
    """One entry of ``images.toml``; of archives, suite and root it has exactly one."""

    name: str
    archives: tuple[Archive, ...] = ()
    """Root file systems, one for each machine."""
    suite: str = ""
    """Of Debian."""
    packages: tuple[str, ...] = ()
    """In the suite's root file system, besides the least that there can be."""
    root: str = ""
    """Name of the image whose root file system it takes."""

    def archives_for(self, machine: str) -> tuple[Archive, ...]:
        return tuple(archive for archive in self.archives if archive.machine == machine)

    @property
    def dockerfile(self) -> Path:
        return IMAGES_FILE.with_name(f"{self.name}.Dockerfile")


def load_images(path: Path = IMAGES_FILE) -> dict[str, Image]:
    """Reads and checks the file; `BadPins` lists everything that is wrong with it."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        problems = list(_problems(data))
        if not problems:
            return {name: _image(name, entry) for name, entry in data["images"].items()}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        problems = [f"not TOML, or something misplaced: {error}"]
    raise BadPins(f"{path} does not pin everything.", "; ".join(problems) + ".", "Fix the entries above.")


def _problems(data: dict[str, Any]) -> Iterator[str]:
    if data.get("schema") != SCHEMA:
        yield f"schema is {data.get('schema')!r}, not {SCHEMA}"
    for name, entry in data["images"].items():
        if len({"archives", "suite", "root"} & set(entry)) != 1:
            yield f"{name} has not exactly one of archives, suite and root"
        if "root" in entry and "root" in data["images"].get(entry["root"], {"root": ""}):
            yield f"{name} has the root of {entry['root']}, which has none of its own"
        for archive in entry.get("archives", ()):
            if not _SHA256.fullmatch(archive["sha256"]) or not archive["url"].startswith("https://"):
                yield f"{name}: {archive['file']} needs a sha256 and a https URL"


def _image(name: str, entry: dict[str, Any]) -> Image:
    archives = tuple(Archive(size=0, **archive) for archive in entry.get("archives", ()))
    return Image(name, archives, entry.get("suite", ""), tuple(entry.get("packages", ())), entry.get("root", ""))


@dataclass(frozen=True)
class Images:
    """The images of one engine; what is not there yet is made."""

    engine: Engine
    cache: Path
    report: Report
    rootfs: Path | None = None
    """The user's own archive of a root file system, for images.toml's images only if it is the pinned one."""
    known: Mapping[str, Image] = field(default_factory=load_images)
    machine: str = field(default_factory=lambda: this_machine().machine)
    """The processor that images are for, as ``uname -m`` names it; another one's run where the kernel knows qemu."""

    def root(self, name: str) -> str:
        """The clean system ``name``, by a reference that the engine understands.

        Raises:
            NoImage: it cannot be had, or not be run on this machine.
            WrongHash: what was had is not what is pinned.
        """
        image = self.known.get(name)
        if image and image.root:
            return self.root(image.root)
        if image is None and self.rootfs is None:
            return self._of_the_engine(name)
        image = image or Image(name)
        reference = self._root_reference(image)
        with self._lock(name):
            if not self._has(reference):
                with self._archive(image) as archive, archive.open("rb") as content:
                    self.report.note(f"importing {name} into the engine")
                    with translate_engine_errors(f"import {archive.name}", NoImage):
                        answer = json.loads(self.engine.api.import_image(content).splitlines()[-1])
                        repository, tag = reference.split(":")
                        self.engine.api.tag(answer["status"], repository, tag)  # Podman imports under no tag
        return reference

    def build_image(self, name: str) -> str:
        """The same with what a build calls."""
        image = self.known.get(name)
        if image is None or not image.dockerfile.exists():
            return self.root(name)
        reference = self._executor_reference(image)
        if self._has(reference):  # its root may be gone by now, and is not needed any more
            return reference
        root = self.root(name)
        with self._lock(name):
            if not self._has(reference):
                self.report.note(f"making {name} by {image.dockerfile.name}")
                self._build(image, root, reference)
        return reference

    def at_hand(self, name: str) -> bool:
        """Whether `build_image` gets along without a download, but for what a Dockerfile installs."""
        image = self.known.get(name)
        if image is None:
            return self._has(name)
        if image.dockerfile.exists() and self._has(self._executor_reference(image)):
            return True
        root = self.known[image.root] if image.root else image
        return self._has(self._root_reference(root)) or is_local(self._archives_of(root), self.cache)

    def _executor_reference(self, image: Image) -> str:
        root = self._root_reference(self.known[image.root] if image.root else image)
        recipe = image.dockerfile.read_text(encoding="utf-8")
        return f"localhost/{DISTRIBUTION}/{image.name}:{_digest(root, recipe)[:12]}"

    def _root_reference(self, image: Image) -> str:
        return f"localhost/{DISTRIBUTION}/{image.name}:root-{self._root_key(image)[:12]}"

    def _archives_of(self, image: Image) -> tuple[Archive, ...]:
        return image.archives_for(self.machine)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Lets one process at a time look for an image and make it."""
        with translate_os_errors(self.cache), FileLock(self.cache / "locks" / f"image-{name}.lock"):
            yield

    def _root_key(self, image: Image) -> str:
        """What the root file system is, in one digest."""
        pinned = {archive.sha256 for archive in self._archives_of(image)}
        if self.rootfs is None:
            return pinned.pop() if pinned else _digest(image.suite, *image.packages, self.machine)
        given = file_sha256(self.rootfs)
        if pinned and given not in pinned:
            raise WrongHash(
                f"{self.rootfs} is not the pinned root file system of {image.name}.",
                f"Its sha256 is {given}; {IMAGES_FILE.name} pins {', '.join(pinned)}.",
                "Test with it under another name: nox -s test_in_container -- --image=NAME --rootfs=FILE.",
            )
        return given

    @contextmanager
    def _archive(self, image: Image) -> Iterator[Path]:
        """The root file system as a file, for as long as it is needed."""
        if self.rootfs:
            yield self.rootfs
        elif image.archives:
            archives = self._archives_of(image)
            try:
                source = Source(image.name, image.name, "root file system", "", "", archives)
                yield fetch(source, archives, self.cache, self.report)
            except FetchFailed as error:
                raise NoImage(
                    f"The root file system of {image.name} cannot be had.",
                    error.why,
                    f"Download it where you can. Then name its folder in {SOURCES_VARIABLE}, or, to test in it, say\n"
                    f"       --rootfs=FILE. It is {archives[0].file} (sha256 {archives[0].sha256}).",
                ) from error
        else:
            with tempfile.TemporaryDirectory(prefix="mmdebstrap-", dir=self.cache) as folder:
                yield make_debian(image, self.machine, Path(folder, "root.tar"), self.report)

    def _build(self, image: Image, root: str, reference: str) -> None:
        said: list[str] = []
        with translate_engine_errors(f"make {image.name}", NoImage), image.dockerfile.open("rb") as file:
            lines = self.engine.api.build(
                fileobj=file,
                tag=reference,
                buildargs={"ROOT": root},
                network_mode="host",  # to the packages, by the machine's own way; builds and tests then have none
                use_config_proxy=True,
                rm=True,
                forcerm=True,
                decode=True,
            )
            for line in lines:
                said += filter(_tells_something, _COLOUR.sub("", str(line.get("stream", ""))).splitlines())
                if "error" in line:
                    # With a code, it is a command that failed, and that said why; else the engine has a reason.
                    of_a_command = said and "code" in line.get("errorDetail", {})
                    raise _cannot_be_made(image, said[-1] if of_a_command else str(line["error"]), said)

    def _has(self, reference: str) -> bool:
        with translate_engine_errors("look for an image"):
            try:
                self.engine.api.inspect_image(reference)
            except ImageNotFound:
                return False
        return True

    def _of_the_engine(self, name: str) -> str:
        """An image that we know nothing of; the engine has it, or gets it from a registry."""
        if not self._has(name):
            self.report.note(f"{name}: asking the engine to pull it")
            repository, tag = parse_repository_tag(name)
            try:
                said = list(self.engine.api.pull(repository, tag or "latest", stream=True, decode=True))
                why = next((str(line["error"]) for line in said if "error" in line), "")
            except (APIError, requests.RequestException) as error:
                why = innermost(error)
            if why:
                raise NoImage(
                    f"There is no image {name!r}.",
                    f"The engine does not have it, nor can it pull it: {why}; {IMAGES_FILE.name} does not know it.",
                    f"Take one of: {', '.join(self.known)}; or, to test in a system of yours, say --rootfs=FILE.",
                )
        return self._fit_for_us(name)

    def _fit_for_us(self, reference: str) -> str:
        with translate_engine_errors("look at an image"):
            found = str(self.engine.api.inspect_image(reference)["Architecture"])
        if _MACHINES.get(found, found) != self.machine:
            raise NoImage(
                f"The image {reference} cannot be used.",
                f"It is for {found} processors, and not for {self.machine}.",
                f"Choose an image for {self.machine}.",
            )
        return reference


def make_debian(image: Image, machine: str, archive: Path, report: Report) -> Path:
    """The root file system of a Debian, as an archive; from the same packages it is the same on every machine.

    Raises:
        MissingTool: mmdebstrap is not here.
        NoImage: it made none.
    """
    if shutil.which("mmdebstrap") is None:
        raise MissingTool(
            f"The image {image.name} cannot be made.",
            "mmdebstrap makes its root file system, and is not here.",
            "On Debian or Ubuntu: apt-get install mmdebstrap; or choose another image.",
        )
    report.note(f"{image.name}: asking mmdebstrap for {image.suite}")
    packages = [f"--include={','.join(image.packages)}"] if image.packages else []
    architecture = next(name for name, known in _MACHINES.items() if known == machine)
    options = ("--variant=minbase", f"--architectures={architecture}", *packages)
    command = ("mmdebstrap", *options, image.suite, str(archive))
    environment = {**os.environ, EPOCH_VARIABLE: str(_LATEST)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("E: ")] or ["no message"]
        if "qemu user emulation" in errors[-1]:
            raise other_processor(errors[-1].removeprefix("E: "))
        raise _cannot_be_made(image, errors[-1], errors)
    return archive


def _tells_something(line: str) -> bool:
    """Whether a line of a build is more than the engine's counting of images and containers."""
    return bool(line.strip()) and not line.startswith((" ---> ", "Removing intermediate container "))


def _cannot_be_made(image: Image, reason: str, said: list[str]) -> NoImage:
    tail = "\n".join(f"       | {line[:160]}" for line in said[-12:])
    return NoImage(
        f"The image {image.name} cannot be made.",
        f"{reason[:160].rstrip('.')}.\n       The last that was said:\n{tail}",
        "Its packages come from a mirror: without a way to one, choose another image.",
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
