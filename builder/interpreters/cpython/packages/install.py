"""Wheels → what stands in the layer, below ``python/``: the files, and which package each is from.

Everything has its place as in a prefix ``/opt/python``: ``lib/python3.13/site-packages`` is on the loop's path, as on
the managed runtime; scripts are in ``bin``. RECORD is written again, sorted, for the files that are really there.
"""

import hashlib
import shutil
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from email.message import Message
from importlib.metadata import distributions, version
from pathlib import Path

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.sources import WheelFile
from installer.utils import parse_metadata_file
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from builder.artifacts.packages import Packages
from builder.errors import FilesCollide, UnsafeArchive
from builder.interpreters.cpython.packages.requirements import environment
from builder.interpreters.cpython.target import Target
from builder.pins import Archive, Source
from builder.plan.steps import LockedPackage

SCRIPTS = "python/bin/"
_LONGEST_LICENCE = 100
"""Characters; what is longer is the text of a licence and not its name."""


def installer_version() -> str:
    """Version of the ``installer`` distribution: it writes RECORD and scripts."""
    return version("installer")


def site_packages(executable: str) -> str:
    """Where modules are, from the layer's root."""
    return f"python/lib/{executable}/site-packages"


def install_wheels(wheels: Mapping[LockedPackage, Path], target: Target, tree: Path, staging: Path) -> Packages:
    """Lays out wheels below ``tree``, which will be the layer's root.

    Raises:
        UnsafeArchive: a file is no wheel, or holds something that would leave its folder.
        FilesCollide: packages have different files at one place.
    """
    owners: dict[str, tuple[str, ...]] = {}
    collisions: dict[tuple[str, ...], list[str]] = defaultdict(list)
    sources = []
    for package, wheel in wheels.items():
        root = staging / package.name
        sources.append(_install(package, wheel, target, root))
        for path in sorted(file for file in root.rglob("*") if file.is_file()):
            place = path.relative_to(root).as_posix()
            goal = tree / place
            others = _owners(place, goal, owners, tree)
            if others and not (goal.is_file() and goal.read_bytes() == path.read_bytes()):
                collisions[(*others, package.name)].append(place)
            else:
                goal.parent.mkdir(parents=True, exist_ok=True)
                path.replace(goal)
                if place.startswith(SCRIPTS):
                    goal.chmod(0o755)  # whatever the wheel says, as pip does
                owners[place] = (*others, package.name)
        shutil.rmtree(root)
    if collisions:
        raise FilesCollide(
            "Packages have different files at one place.",
            "\n       ".join(
                f"{' and '.join(names)}: {', '.join(places[:5])}{' …' * (len(places) > 5)}"
                for names, places in collisions.items()
            ),
            "Leave one of them out: together they would not work anywhere.",
        )
    return Packages(tuple(sources), dict(sorted(owners.items())))


def missing(site: Path, target: Target) -> Iterator[str]:
    """What installed packages need and is not there: on purpose, if another layer or the function has it."""
    found = list(distributions(path=[str(site)]))
    names = {canonicalize_name(package.name) for package in found}
    for package in found:
        for need in map(Requirement, package.requires or ()):
            wanted = need.marker is None or need.marker.evaluate(environment(target))
            if wanted and canonicalize_name(need.name) not in names:
                yield f"{package.name} needs {need.name}, which is not among the packages"


def _owners(place: str, goal: Path, owners: Mapping[str, tuple[str, ...]], tree: Path) -> tuple[str, ...]:
    """Whose file or folder stands where another one wants to."""
    if goal.is_dir():
        return next(names for other, names in owners.items() if other.startswith(f"{place}/"))
    above = (parent.relative_to(tree).as_posix() for parent in goal.parents if parent.is_relative_to(tree))
    return next((owners[path] for path in (place, *above) if path in owners), ())


def _install(package: LockedPackage, wheel: Path, target: Target, root: Path) -> Source:
    """Unpacks one wheel below ``root``, and tells what it says of itself."""
    schemes = {
        **dict.fromkeys(("purelib", "platlib"), f"/{site_packages(target.executable)}"),
        "scripts": f"/{SCRIPTS}",
        "headers": f"/python/include/{package.name}",
        "data": "/python",
    }
    interpreter = f"/opt/bin/{target.executable}"
    destination = SchemeDictionaryDestination(schemes, interpreter, "posix", destdir=str(root))
    try:
        with WheelFile.open(wheel) as source, warnings.catch_warnings(action="ignore"):  # bytecode in it stays out
            install(source, destination, {"INSTALLER": b"static-python-layer\n"})
            metadata = parse_metadata_file(source.read_dist_info("METADATA"))
    except (InstallerError, zipfile.BadZipFile, ValueError, KeyError, FileExistsError) as error:
        why = f"{type(error).__name__}: {error}."
        raise UnsafeArchive(f"{wheel.name} cannot be installed.", why, "Lock another version of it.") from error
    content = wheel.read_bytes()
    archive = Archive(
        wheel.name, hashlib.sha256(content).hexdigest(), len(content), pypi=f"{package.name}=={package.version}"
    )
    name = package.name
    return Source(name, name, package.version, _licence(metadata), _homepage(metadata), (archive,))


def _licence(metadata: Message) -> str:
    """An SPDX expression if the package has one, else what it calls its licence; empty if it says nothing."""
    classifiers = (text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier", ()) if "License ::" in text)
    said = str(metadata["License-Expression"] or metadata["License"] or "").strip()
    return said if said and "\n" not in said and len(said) <= _LONGEST_LICENCE else " AND ".join(classifiers)


def _homepage(metadata: Message) -> str:
    links = [text.partition(",")[2].strip() for text in metadata.get_all("Project-URL", ())]
    return next((url for url in (str(metadata["Home-page"] or ""), *links) if url.startswith("http")), "")
