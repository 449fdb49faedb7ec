"""Updates pins to the newest available versions: of wheels from the index, of archives from Debian or a folder.

The sha256 is taken from every origin, and all must agree. What else a newer archive may require, no program can tell:
other licences, a new hash of the files consumed, a patch that upstream has merged.
"""

import os
import re
from pathlib import Path

from builder.errors import BuildError
from builder.fetch.report import Report
from builder.pins import PINS_FILE, Source, load_pins
from builder.update import archives, wheels


def update_pins(names: list[str], dry_run: bool, report: Report, path: Path = PINS_FILE) -> list[str]:
    """Writes newer pins into the file, all or none, and returns a line for each source.

    Raises:
        BadPins: the file is invalid, before or after.
        WrongHash: two origins have different files.
        FetchFailed: pip gets no response.
        BuildError: there is no such pin.
    """
    sources = load_pins(path).sources
    if unknown := [name for name in names if name not in sources]:
        why = f"Known pins: {', '.join(sources)}."
        raise BuildError(f"There is no pin {', '.join(unknown)}.", why, "Pass one of these.")
    selected = [sources[name] for name in names or sources]
    debian = archives.DebianArchives.query(selected)
    text, lines = path.read_text(encoding="utf-8"), []
    for source in selected:
        newest = wheels.newest(source, report) if source.archives[0].pypi else archives.newest(source, debian, report)
        text = rewrite(text, source, newest.source)
        change = f" → {newest.source.version}" if newest.source.version != source.version else ""
        lines.append("\n    ".join((f"{source.key}: {source.version}{change}", *newest.remarks)))
    if not dry_run and text != path.read_text(encoding="utf-8"):
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_text(text, encoding="utf-8")
            load_pins(part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    return lines


def rewrite(text: str, old: Source, new: Source) -> str:
    """The file's text with one source's pins replaced; comments and everything else stay."""
    key = old.key if re.fullmatch(r"[\w-]+", old.key) else f'"{old.key}"'  # TOML wants what has a dot quoted
    start = text.index(f"[sources.{key}]\n")
    following = re.compile(rf"^\[sources\.(?!{re.escape(key)}[\].])", re.MULTILINE).search(text, start + 1)
    end = following.start() if following else len(text)
    changes = {old.version: new.version}
    if old.date and new.date:
        changes[f"date = {old.date:{_DATE}}"] = f"date = {new.date:{_DATE}}"
    for before, after in zip(old.archives, new.archives, strict=True):
        changes[f"size = {before.size}\n"] = f"size = {after.size}\n"
        changes[f'debian = "{before.debian}"\n'] = f'debian = "{after.debian}"\n' if after.debian else ""
        for name in ("file", "sha256", "url", "pypi"):
            changes[f'"{getattr(before, name)}"'] = f'"{getattr(after, name)}"'
    # In one pass, longest first: 1.2 is part of the longer strings to replace, and of what replaces it, 1.2.1.
    pattern = "|".join(map(re.escape, sorted(changes, key=len, reverse=True)))
    return text[:start] + re.sub(pattern, lambda found: changes[found[0]], text[start:end]) + text[end:]


_DATE = "%Y-%m-%dT%H:%M:%SZ"
