"""Writes a tree's bytecode. Run by the build-python, in a process of its own: ``bytecode.py TREE NAME SOURCES``.

The zip gives every file one date, so bytecode that is checked against its source's time would be stale at every start:
these are unchecked hash-based pycs (PEP 552). marshal marks objects that somebody else holds too, so its output
depends on what the process did before: a fresh process, a fixed order and few imports make it the same every time.
"""

import _imp
import sys
from importlib import _bootstrap_external
from os import makedirs, path, remove, walk

MAGIC: int = (
    getattr(_imp, "pyc_magic_number_token", 0)  # since 3.14
    or _bootstrap_external._RAW_MAGIC_NUMBER  # type: ignore[attr-defined]
)
"""Bytecode's magic number, which is part of the hashes of sources, too."""

WITHOUT_COLUMNS = {"PYTHONNODEBUGRANGES": "1"}
"""For code whose sources do not ship: a traceback would mark columns in a line that it cannot show, and they are a
fifth of the zipped bytecode."""


def write_bytecode(tree: str, name: str, keep_sources: bool, may_fail: bool = False) -> int:
    """Compiles every ``.py`` below ``tree`` and returns how many it compiled.

    Code objects say that they came from below ``name``. Without their sources, pycs stand where these stood, as the
    import system wants it; with them, in ``__pycache__``. A package may hold what is no Python of this version
    (templates, tests): with ``may_fail`` it stays as it is.
    """
    sources = sorted(
        path.join(folder, file) for folder, _, files in walk(tree) for file in files if file.endswith(".py")
    )
    count = 0
    for source in sources:
        with open(source, "rb") as file:
            text = file.read()
        try:
            code = compile(text, name + source[len(tree) :], "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError):
            if not may_fail:
                raise
            continue
        count += 1
        source_hash = _imp.source_hash(MAGIC, text)
        target = source + "c"
        if keep_sources:
            folder, stem = path.split(source)
            makedirs(path.join(folder, "__pycache__"), exist_ok=True)
            target = path.join(folder, "__pycache__", f"{stem[:-3]}.{sys.implementation.cache_tag}.pyc")
        pyc = _bootstrap_external._code_to_hash_pyc(code, source_hash, False)  # type: ignore[attr-defined]
        with open(target, "wb") as compiled:
            compiled.write(pyc)
        if not keep_sources:
            remove(source)
    return count


if __name__ == "__main__":  # the third argument: drop, keep, or packages (keep, and not all of it need be Python)
    print(write_bytecode(sys.argv[1], sys.argv[2], sys.argv[3] in ("keep", "packages"), sys.argv[3] == "packages"))
