"""Manifest + this repository → an in-toto statement with SLSA provenance v1: what a layer was made of, and by what.

It has nothing of the machine or the moment, and no commit: the same build comes from many. It has instead git's own
identifiers of the folders whose files decide the bytes, which any commit can be compared with:
``git rev-parse COMMIT:builder``.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.1/provenance
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from builder import DISTRIBUTION, ROOT, __version__

DECIDING = ("builder", "patches", "products", "runtime", "requirements/build.txt")
"""What of this repository the bytes may depend on."""

REPOSITORY = f"pkg:generic/{DISTRIBUTION}"
BUILD_TYPE = f"{REPOSITORY}#docs/trust.md"
"""The page that says what the parameters are."""


def attest(result: Path, date: datetime) -> dict[str, str]:
    """Name → text of what goes with a finished layer and its manifest: the SBOM and the provenance."""
    from builder.artifacts.sbom import make_sbom  # noqa: PLC0415 (its imports take longer than all others of a --plan together)

    (path,) = result.glob("*.manifest.json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    name = manifest["name"]
    sbom = make_sbom(manifest, date)
    subjects = {
        manifest["zip"]["file"]: manifest["zip"]["sha256"],
        path.name: _sha256(path.read_bytes()),
        f"{name}.cdx.json": _sha256(sbom.encode()),
    }
    provenance = make_provenance(manifest, subjects, int(date.timestamp()))
    return {f"{name}.cdx.json": sbom, f"{name}.provenance.json": provenance}


def make_provenance(manifest: Mapping[str, Any], subjects: Mapping[str, str], epoch: int) -> str:
    """The statement as JSON text; ``subjects`` are the files it is about, by name, with their sha256."""
    target, locked = manifest["target"], lock(manifest["packages"])
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in subjects.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "python": target["python"].rpartition(".")[0],
                    "arch": target["architecture"],
                    "stdlib": "full" if "-full" in manifest["name"] else "lean",
                    **({"runtime": target["compatible_runtimes"][-1], "packages": locked} if locked else {}),
                },
                "internalParameters": {
                    "glibc": target["glibc"],
                    "cpu": target["cpu"],
                    "SOURCE_DATE_EPOCH": epoch,
                    "compressor": manifest["toolchain"]["compressor"],
                },
                "resolvedDependencies": [*_own(), *_archives(manifest)],
            },
            "runDetails": {"builder": {"id": REPOSITORY, "version": {DISTRIBUTION: __version__}}},
        },
    }
    return json.dumps(statement, indent=1, ensure_ascii=False) + "\n"


def lock(packages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of a requirements file that gives a manifest's packages again: these very wheels."""
    return [f"{archive['pypi']} --hash=sha256:{archive['sha256']}" for p in packages for archive in p["archives"]]


def _archives(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every form of every source, the compiler's too: which one was at hand does not change the bytes."""
    from builder.artifacts.purl import archive_purl  # noqa: PLC0415 (as above)

    return [
        {
            "name": archive["file"],
            "uri": archive.get("url") or archive_purl(source["name"], source["version"], archive).to_string(),
            "digest": {"sha256": archive["sha256"]},
            "annotations": {"source": source["name"], "version": source["version"]},
        }
        for source in (manifest["toolchain"]["compiler"], *manifest["sources"], *manifest["packages"])
        for archive in source["archives"]
    ]


def _own() -> list[dict[str, Any]]:
    return [{"name": name, "uri": f"{REPOSITORY}#{name}", "digest": git_digest(ROOT / name)} for name in DECIDING]


def git_digest(path: Path) -> dict[str, str]:
    """What git calls a file or folder, as an in-toto digest; worked out without git, which need not be there."""
    return {"gitTree": _tree(path).hex()} if path.is_dir() else {"gitBlob": _blob(path).hex()}


def _tree(folder: Path) -> bytes:
    entries = []
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            # The slash is what git sorts a folder by. It knows no empty folders.
            if path.name != "__pycache__" and (digest := _tree(path)) != _object("tree", b""):
                entries.append((f"{path.name}/".encode(), b"40000", digest))
        else:
            mode = b"120000" if path.is_symlink() else b"100755" if path.stat().st_mode & 0o100 else b"100644"
            entries.append((path.name.encode(), mode, _blob(path)))
    return _object(
        "tree", b"".join(b"%s %s\0%s" % (mode, name.rstrip(b"/"), digest) for name, mode, digest in sorted(entries))
    )


def _blob(path: Path) -> bytes:
    return _object("blob", os.readlink(path).encode() if path.is_symlink() else path.read_bytes())


def _object(kind: str, content: bytes) -> bytes:
    header = f"{kind} {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).digest()  # what git has


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
