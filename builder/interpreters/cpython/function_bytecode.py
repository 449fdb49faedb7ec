"""Writes a function's bytecode. Run by the build-python, in a process of its own: ``function_bytecode.py TREE NAME``.

As ``bytecode.py``, but for code that somebody else writes: what does not compile is listed and stays as it is. The
function is below ``TREE/task``; ``TREE/report.json`` tells of it: ``magic`` and ``tag`` of the bytecode, ``broken``,
path → line (0: unknown) and reason, and ``hashes``, path → the hash of a source as bytecode names it.
"""

import _imp
import json
import sys
from importlib import _bootstrap_external
from os import makedirs, path, walk

MAGIC: bytes = _bootstrap_external.MAGIC_NUMBER
KEY = int.from_bytes(MAGIC, "little")


def compile_tree(tree: str, name: str) -> dict[str, object]:
    """Compiles every ``.py`` below ``tree`` into ``__pycache__``, and gives the report.

    Code objects say that they came from below ``name``.
    """
    broken: dict[str, tuple[int, str]] = {}
    hashes: dict[str, str] = {}
    sources = sorted(
        path.join(folder, file) for folder, _, files in walk(tree) for file in files if file.endswith(".py")
    )
    for source in sources:
        if not path.isfile(source):
            continue  # a link that leads nowhere
        with open(source, "rb") as file:
            text = file.read()
        place = source[len(tree) + 1 :]
        try:
            code = compile(text, f"{name}/{place}", "exec", dont_inherit=True, optimize=0)
        except Exception as error:  # noqa: BLE001 - besides SyntaxError: MemoryError and RecursionError of what is deep
            broken[place] = (
                getattr(error, "lineno", 0) or 0,
                f"{type(error).__name__}: {getattr(error, 'msg', error)}",
            )
            continue
        source_hash = _imp.source_hash(KEY, text)
        hashes[place] = source_hash.hex()
        folder, stem = path.split(source)
        makedirs(path.join(folder, "__pycache__"), exist_ok=True)
        pyc = _bootstrap_external._code_to_hash_pyc(code, source_hash, False)  # type: ignore[attr-defined]
        with open(
            path.join(folder, "__pycache__", f"{stem[:-3]}.{sys.implementation.cache_tag}.pyc"), "wb"
        ) as compiled:
            compiled.write(pyc)
    return {"magic": MAGIC.hex(), "tag": sys.implementation.cache_tag, "broken": broken, "hashes": hashes}


if __name__ == "__main__":
    report = compile_tree(path.join(sys.argv[1], "task"), sys.argv[2])
    with open(path.join(sys.argv[1], "report.json"), "w", encoding="utf-8", errors="surrogateescape") as written:
        json.dump(report, written)
