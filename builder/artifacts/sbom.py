"""Manifest → CycloneDX: the same bytes for the same manifest.

What differs from run to run in other SBOMs is derived here: the serial number from the manifest, the timestamp from the
interpreter's release.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import (
    Component,
    ComponentScope,
    ComponentType,
    Diff,
    Patch,
    PatchClassification,
    Pedigree,
)
from cyclonedx.output.json import JsonV1Dot6

from builder import DISTRIBUTION, __version__
from builder.artifacts.purl import archive_purl


def make_sbom(manifest: Mapping[str, Any], date: datetime) -> str:
    """The SBOM as JSON text; ``date`` is that of the interpreter's release, with its zone."""
    layer = _layer(manifest)
    own = Component(
        type=ComponentType.LIBRARY,
        name=DISTRIBUTION,
        version=__version__,
        description="the runtime loop",
        bom_ref=DISTRIBUTION,
        licenses=[LicenseFactory().make_from_string("MIT")],
    )
    sources = {source["name"]: _component(source) for source in manifest["sources"]}
    packages = [_component(package, prefix="pypi:") for package in manifest["packages"]]
    compiler = _component(manifest["toolchain"]["compiler"], ComponentScope.EXCLUDED)  # it does not ship
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, json.dumps(manifest, sort_keys=True)),
        components=[own, *sources.values(), *packages, compiler],
    )
    bom.metadata.timestamp = date
    bom.metadata.component = layer
    bom.register_dependency(layer, [own, *sources.values(), *packages])
    for artifact in (artifact for artifact in manifest["artifacts"] if artifact["kind"] == "image"):
        bom.metadata.component, others = _image(artifact), _beside(artifact)
        bom.components.update((layer, *others))
        bom.register_dependency(bom.metadata.component, [layer, *others])
    interpreter, *libraries = _linked(manifest)
    bom.register_dependency(sources[interpreter], [sources[name] for name in libraries])
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _layer(manifest: Mapping[str, Any]) -> Component:
    product, platform = manifest["product"], manifest["platform"]
    (artifact,) = (artifact for artifact in manifest["artifacts"] if artifact["kind"] == "zip")
    return Component(
        type=ComponentType.PLATFORM,
        name=manifest["name"],
        version=product["version"],
        bom_ref=manifest["name"],
        hashes=[_sha256(artifact["sha256"])],
        properties=[
            *(Property(name=f"{DISTRIBUTION}:{key}", value=product[key]) for key in ("interpreter", "variant")),
            *(Property(name=f"{DISTRIBUTION}:{key}", value=platform[key]) for key in ("architecture", "glibc", "cpu")),
        ],
    )


def _image(artifact: Mapping[str, Any]) -> Component:
    """A container image that has the layer in it."""
    return Component(
        type=ComponentType.CONTAINER,
        name=artifact["tag"],
        version=artifact["manifest"],
        bom_ref=artifact["manifest"],
        hashes=[_sha256(artifact["manifest"].removeprefix("sha256:"))],
    )


def _beside(artifact: Mapping[str, Any]) -> list[Component]:
    """What else an image is made of: its base, whose own parts are the base's to tell, and a function."""
    base = artifact["base"]
    found = [
        Component(
            type=ComponentType.CONTAINER,
            name=base["name"],
            version=base["digest"],
            bom_ref=f"base:{base['digest']}",
            hashes=[_sha256(base["digest"].removeprefix("sha256:"))],
        )
    ]
    if function := artifact.get("function"):
        (digest,) = (layer["diff_id"] for layer in artifact["layers"] if layer["role"] == "function")
        hashes = [_sha256(digest.removeprefix("sha256:"))]
        found.append(
            Component(type=ComponentType.APPLICATION, name=function["handler"], bom_ref="function", hashes=hashes)
        )
    return found


def _component(
    source: Mapping[str, Any], scope: ComponentScope = ComponentScope.REQUIRED, prefix: str = ""
) -> Component:
    """A source or package; its hash and package URL are those of its first form, upstream's."""
    name, version, archives = source["name"], source["version"], source["archives"]
    purls = [archive_purl(name, version, archive) for archive in archives]
    homepage, licence = ([source[key]] if source[key] else [] for key in ("homepage", "licence"))
    websites = (ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(url)) for url in homepage)
    forms = (
        ExternalReference(
            type=ExternalReferenceType.SOURCE_DISTRIBUTION
            if "pypi" not in archive
            else ExternalReferenceType.DISTRIBUTION,
            url=XsUri(archive.get("url") or purl.to_string()),
            hashes=[_sha256(archive["sha256"])],
            comment=archive["file"],
        )
        for archive, purl in zip(archives, purls, strict=True)
    )
    patches = [
        Patch(type=PatchClassification.UNOFFICIAL, diff=Diff(url=XsUri(patch["file"]))) for patch in source["patches"]
    ]
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        bom_ref=f"{prefix}{name}@{version}",
        scope=scope,
        hashes=[_sha256(archives[0]["sha256"])],
        licenses=[LicenseFactory().make_from_string(text) for text in licence],
        purl=purls[0],
        cpe=source.get("cpe"),
        external_references=[*websites, *forms],
        pedigree=Pedigree(patches=patches) if patches else None,
    )


def _linked(manifest: Mapping[str, Any]) -> list[str]:
    """The interpreter's source, and after it the libraries that are inside it."""
    kinds = {recipe["source"]: recipe["kind"] for recipe in manifest["recipes"].values() if recipe["kind"] != "tool"}
    return sorted(kinds, key=lambda name: (kinds[name] != "interpreter", name))


def _sha256(value: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=value)
