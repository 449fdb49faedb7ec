"""Paths that modules are imported from: archives whole and damaged, places in them, folders, and what is nowhere."""

import importlib.util
import io
import sys
import tempfile
import zipfile
from pathlib import Path
from random import Random
from typing import Any

from .observe import Seen, outcome, text

FOLDER = Path(tempfile.mkdtemp(prefix="archives-"))
"""Removed by the runner at its end."""
sys.dont_write_bytecode = True
"""Bytecode is valid for a second of the clock and a size: which of a second's cases wrote it is a matter of time."""
NAMES = ("first", "second", "pack", "pack.inner", "absent", "broken", "data")
PLACES = ("", "/pack", "/pack/", "/absent", "/first.py", "/../", "/./pack", "//pack", "\x00", "/" + "n" * 300)


def _written() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, source in (
            ("first.py", "value = 1\n"),
            ("pack/__init__.py", "value = 'pack'\n"),
            ("pack/inner.py", "value = __name__\n"),
            ("broken.py", "value = = 1\n"),
            ("data.txt", "no module\n"),
        ):
            archive.writestr(zipfile.ZipInfo(path), source)
    return data.getvalue()


WRITTEN = _written()


def case(random: Random) -> Seen:
    archive = FOLDER / "some.zip"
    _lay_out(random, archive)
    path = (
        f"{random.choice((archive, FOLDER, FOLDER / 'absent', FOLDER / 'folder', '', '.', 5))}{random.choice(PLACES)}"
    )
    sys.path_importer_cache.clear()
    yield "hooks", text([_hooked(hook, path) for hook in sys.path_hooks])
    yield from _imported(random.choice(NAMES), path)
    yield "spec", _clean(outcome(importlib.util.find_spec, random.choice(NAMES[:3])))


def _lay_out(random: Random, archive: Path) -> None:
    data = bytearray(WRITTEN)
    for _ in range(random.choice((0, 0, 0, 1, 3))):
        data[random.randrange(len(data))] = random.randrange(256)
    if random.random() < 0.2:
        del data[random.randrange(len(data)) :]
    archive.write_bytes(random.choice((b"", b"", b"#!/bin/sh\n")) + data)
    folder = FOLDER / "folder"
    folder.mkdir(exist_ok=True)
    (folder / "second.py").write_text(f"value = {random.randrange(99)}\n", encoding="utf-8")


def _hooked(hook: Any, path: str) -> str:
    try:
        return type(hook(path)).__name__
    except ImportError as error:
        return f"ImportError {_clean(str(error))}"
    except Exception as error:  # whatever it is, both must raise it
        return f"{type(error).__name__} {_clean(str(error))}"


def _imported(name: str, path: str) -> Seen:
    before = set(sys.modules)
    sys.path.insert(0, path)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
        yield "imported", text((module.value, type(module.__loader__).__name__, _clean(str(module.__file__))))
    except Exception as error:  # whatever it is, both must raise it
        yield "not imported", f"{type(error).__name__} {_clean(str(error))}"
    finally:
        sys.path.remove(path)
        for new in set(sys.modules) - before:
            if new.partition(".")[0] in NAMES:
                del sys.modules[new]


def _clean(shown: str) -> str:
    """Without the folder's name, which is another one in each run."""
    return shown.replace(str(FOLDER), "FOLDER").partition(" at 0x")[0]
