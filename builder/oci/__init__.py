"""Container images of a layer, as OCI's image specification has them, written without an engine.

::

    tar.py        files → tar, the same bytes everywhere
    blobs.py      descriptors, and layers as compressed blobs
    reading.py    an archive or a folder → its images
    registry.py   a registry's images, by digest
    base.py       what an image stands on: of images.toml, of a file, of a registry, of an engine
    compose.py    base + files → manifest and config of an image
    writing.py    images → a layout in a folder, and the same in an archive that engines load
    build.py      what is asked for → images in a folder, with their attestations
    attest.py     an image's manifest of its own, SBOM and provenance
    verify.py     an image from anywhere → is it what a manifest says?

https://github.com/opencontainers/image-spec/tree/v1.1.1
"""
