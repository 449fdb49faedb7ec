"""A finished layer + the steps that made it → an in-toto statement with SLSA provenance v1.

It has nothing of the machine or the moment, and no commit: the same build comes from many. It has instead what the
steps took in: every archive, every file of this repository (patches, profiles, the loop, the code that carries steps
out) and every step's key. An edit elsewhere in the repository leaves it as it is.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.1/provenance
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from builder import DISTRIBUTION, __version__
from builder.plan.steps import Step

REPOSITORY = f"pkg:generic/{DISTRIBUTION}"
BUILD_TYPE = f"{REPOSITORY}#docs/trust.md"
"""The page that says what the parameters are."""


def attest(result: Path, steps: Sequence[Step], date: datetime) -> dict[str, str]:
    """Name → text of what goes with a finished layer and its manifest: the SBOM and the provenance.

    ``steps`` are the plan that made it, as an x86_64 machine has it: keys of what runs in a build depend on its
    machine, and an attestation must not. ``date`` is that of the interpreter's release.
    """
    from builder.artifacts.sbom import make_sbom  # noqa: PLC0415 (its imports take longer than a --plan)

    (path,) = result.glob("*.manifest.json")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    name = manifest["name"]
    sbom = make_sbom(manifest, date)
    subjects = {
        **{artifact["file"]: artifact["sha256"] for artifact in manifest["artifacts"]},
        path.name: _sha256(path.read_bytes()),
        f"{name}.cdx.json": _sha256(sbom.encode()),
    }
    provenance = make_provenance(manifest, steps, subjects)
    return {f"{name}.cdx.json": sbom, f"{name}.provenance.json": provenance}


def make_provenance(manifest: Mapping[str, Any], steps: Sequence[Step], subjects: Mapping[str, str]) -> str:
    """The statement as JSON text; ``subjects`` are the files it is about, by name, with their sha256."""
    product, platform, locked = manifest["product"], manifest["platform"], lock(manifest["packages"])
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in subjects.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "product": product["name"],
                    "arch": platform["architecture"],
                    "stdlib": product["stdlib"],
                    **({"runtime": platform["compatible_runtimes"][-1], "packages": locked} if locked else {}),
                    **_image_parameters(manifest),
                },
                "internalParameters": {
                    "glibc": platform["glibc"],
                    "cpu": platform["cpu"],
                    "compressor": manifest["toolchain"]["compressor"],
                    "steps": {step.name: step.key for step in steps},
                },
                "resolvedDependencies": [*_own(steps), *_archives(manifest), *_bases(manifest)],
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


def _image_parameters(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What an image was asked for with, if the manifest is of one; a function is given by its layer's digest."""
    found: dict[str, Any] = {}
    for image in _images(manifest):
        found |= {"base": image["base"]["name"], "tag": image["tag"]}
        if "function" in image:
            (source,) = (layer["diff_id"] for layer in image["layers"] if layer["role"] == "function")
            found |= {"source": source, "handler": image["function"]["handler"]}
    return found


def _bases(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": image["base"]["name"],
            "uri": f"pkg:oci/base@{image['base']['digest']}",
            "digest": {"sha256": image["base"]["digest"].removeprefix("sha256:")},
        }
        for image in _images(manifest)
    ]


def _images(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [artifact for artifact in manifest["artifacts"] if artifact["kind"] == "image"]


def _own(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The files of this repository that any step took in."""
    files = {path: sha256 for step in steps for path, sha256 in step.files.items()}
    return [
        {"name": path, "uri": f"{REPOSITORY}#{path}", "digest": {"sha256": sha256}}
        for path, sha256 in sorted(files.items())
    ]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
