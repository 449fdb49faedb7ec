"""Headers and results → ``docs/patches.md``: a table of all patches, and for each one what stands in its header."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tools.patches.header import Patch
from tools.patches.load import Patches, programs
from tools.patches.results import Comparison, Figure, Measurement, figure
from tools.patches.times import DOZEN, VALUES

FIELDS = ("Why", "Changes", "Evidence", "Upstream", "Remove when", "Generated", "Needs")
"""The fields that are shown as they are."""
ISSUES = "https://github.com/python/cpython/issues"

HEAD = """\
<!-- ./nox -s patches wrote this, from the headers of the patches and docs/patches.json. -->

# The patches, one by one

{count} patches: {added} lines added and {removed} removed, {generated} of both in files that CPython's own tools write.
{invisible} of them change nothing that a program can see but speed. For {reported}, a report to upstream is ready to be
sent, in `docs/upstream/`; {upstream} are in a newer version of upstream's, in one way or another. {measured} What each
one's *evidence* names is where a fault would show first; `./nox -s regrtest` runs all of CPython's tests on the layer.

**With / without** is what a patch is worth: the figure of the layer, divided by that of a layer that was built without
this patch, but with the same profile, flags and other patches. Below 1 the patch gains. `±` is half the distance
between the lowest and the highest of the rounds; a ratio that is no further from 1 is *within its noise*.

- **Instructions** are machine instructions, by valgrind's callgrind: the geometric mean of {programs} programs, each of
  a single subject (`tools/patches/programs/`), and of a bare start, which is subtracted from the others. They are the
  same in every round, but tell nothing of predictions, caches, and loads that wait.

- **Time** is processor time, on one processor, both layers in turns: the geometric mean of {dozen} of pyperformance's
  benchmarks, the same for all patches ({names}); the least of {values} values in each round.

- **Own** is the time of the benchmarks that the patch's header names, which it should change most.

The profile is known by the control flow of each function. Where a patch is missing, the functions that it changes have
none, and are compiled as if nothing were known of them: then (`*`) the ratios flatter the patch. They are named below.
"""
TABLE = """
## {source}

| | | lines | instructions | time | own | what a program sees | upstream |
| --- | --- | ---: | ---: | ---: | ---: | --- | --- |
"""


def page(patches: Patches, results: Mapping[str, Measurement]) -> str:
    """The whole page."""
    every = [patch for each in patches.values() for patch in each]
    head = HEAD.format(
        count=len(every),
        added=sum(patch.added for patch in every),
        removed=sum(patch.removed for patch in every),
        generated=sum(sum(patch.lines[file]) for patch in every for file in patch.generated),
        invisible=sum(not patch.visible for patch in every),
        reported=sum(bool(patch.report) for patch in every),
        upstream=sum(_is_in_upstream(patch) for patch in every),
        programs=len(programs()) - 1,
        dozen=len(DOZEN),
        names=", ".join(DOZEN),
        values=VALUES,
        measured=_noise(every, results),
    )
    text = "\n\n".join(map(_filled, head.strip().split("\n\n"))) + "\n"
    for source, each in patches.items():
        rows = (_row(source, patch, results.get(patch.path)) for patch in each)
        text += TABLE.format(source=source) + "".join(rows)
    for source, each in patches.items():
        text += "".join(_section(source, patch, results.get(patch.path)) for patch in each)
    return text


def _filled(paragraph: str) -> str:
    """A paragraph in lines of 120 characters."""
    indent = "  " if paragraph.startswith("- ") else ""
    return textwrap.fill(
        " ".join(paragraph.split()), 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _noise(every: Iterable[Patch], results: Mapping[str, Measurement]) -> str:
    """How many have been measured, and which of them give no time that could be told from noise."""
    found = [(patch, results[patch.path]) for patch in every if patch.path in results]
    measured = [(patch, each) for patch, each in found if not each.failure]
    lost = [patch.number for patch, each in measured if all(map(_is_noise, _times(patch, each)))]
    if not measured:
        return "None has been measured."
    said = f"{len(measured)} have been measured"
    return f"{said}; no time is further from 1 than its noise for {', '.join(lost)}." if lost else f"{said}."


def _is_noise(found: Figure | None) -> bool:
    return found is None or found.is_noise


def _times(patch: Patch, measured: Measurement) -> tuple[Figure | None, Figure | None]:
    """Of the dozen, and of the patch's own benchmarks."""
    return _time(measured, DOZEN), _time(measured, patch.benchmarks)


def _row(source: str, patch: Patch, measured: Measurement | None) -> str:
    cells = (
        f"[{patch.number}](#{_anchor(source, patch)})",
        patch.title,
        f"+{patch.added} -{patch.removed}",
        *_worth(patch, measured),
        _first_sentence(patch.fields["Changes"]),
        _upstream(patch),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _worth(patch: Patch, measured: Measurement | None) -> tuple[str, str, str]:
    """Three cells: instructions, time, and time of the patch's own benchmarks."""
    if not patch.benchmarks:
        return ("", "", "")
    if measured is None:
        return ("not measured", "", "")
    if measured.failure:
        return ("not built", "", "")
    found = (figure(measured.instructions.values()), *_times(patch, measured))
    mark = "*" if measured.unprofiled else ""
    instructions, time, own = (f"{_written(each)}{mark}" for each in found)
    return instructions, time, own


def _section(source: str, patch: Patch, measured: Measurement | None) -> str:
    files = ", ".join(f"`{file}` +{added} -{removed}" for file, (added, removed) in patch.lines.items())
    fields = (f"- **{name}:** {_linked(patch.fields[name])}" for name in FIELDS if name in patch.fields)
    about = f"[{patch.name}](../{patch.path}): {files}"
    head = f'\n<a id="{_anchor(source, patch)}"></a>\n\n### {patch.number} {patch.title}\n'
    return "\n".join((head, f"{about}\n", *fields, *_measured(patch, measured))) + "\n"


def _measured(patch: Patch, measured: Measurement | None) -> Iterator[str]:
    """What its benchmarks gave, as items of a list."""
    names = patch.benchmarks
    if not names or measured is None:
        yield f"- **Benchmark:** {patch.fields['Benchmark']}" + ("; not measured" if names else "")
        return
    if measured.failure:
        yield f"- **Benchmark:** {', '.join(names)}; without the patch, this was not built: {measured.failure}"
        return
    own = (f"{name} {_written(_time(measured, (name,)))}" for name in names)
    yield f"- **Time:** {', '.join(own)}; all {len(DOZEN)}: {_judged(_time(measured, DOZEN))}"
    counted = figure(measured.instructions.values())
    changed = [(name, each) for name, each in measured.instructions.items() if abs(each.ratio - 1) >= 0.001]
    listed = ", ".join(f"{name} {_written(figure((each,)))}" for name, each in sorted(changed, key=_by_ratio))
    yield f"- **Instructions:** {_judged(counted)}; where they differ: {listed or 'nowhere'}"
    yield f"- **Measured:** {'; '.join(_remarks(patch, measured))}"


def _remarks(patch: Patch, measured: Measurement) -> Iterator[str]:
    yield measured.day
    if others := measured.left_out[1:]:
        yield f"together with {_numbers(others)}, which cannot be there without it"
    if measured.diff != patch.sha256:
        yield "of an earlier state of the patch"
    if measured.unprofiled:
        yield f"without a profile of {', '.join(f'`{name}`' for name in measured.unprofiled)}"


def _time(measured: Measurement, names: Iterable[str]) -> Figure | None:
    return figure(each for name in names for each in measured.seconds.get(name, {}).values())


def _written(found: Figure | None) -> str:
    if found is None:
        return "not run"
    return f"{found.ratio:.3f}" + (f" ± {found.spread:.3f}" if found.spread >= 0.0005 else "")


def _judged(found: Figure | None) -> str:
    return _written(found) + (" (within its noise)" if found and found.is_noise else "")


def _by_ratio(counted: tuple[str, Comparison]) -> float:
    return counted[1].ratio


def _numbers(names: Sequence[str]) -> str:
    return ", ".join(name[:4] for name in names)


def _anchor(source: str, patch: Patch) -> str:
    return f"{source}-{patch.number}"


def _upstream(patch: Patch) -> str:
    """What the table says of it: a report, an issue, a link, or no."""
    if patch.report:
        return f"[report]({patch.report.removeprefix('docs/')})"
    text = patch.fields["Upstream"]
    if text.startswith("not for upstream"):
        return "no"
    if found := re.match(r"https://[^\s,;]+", text):
        return f"[link]({found.group()})"
    found = re.match(r"\w+-\d+(, (in|after) [\d.]*\d)?", text)
    assert found, "the header has been checked"
    return _linked(found.group())


def _is_in_upstream(patch: Patch) -> bool:
    return not patch.report and not patch.fields["Upstream"].startswith("not for upstream")


def _first_sentence(text: str) -> str:
    """Up to the first full stop or colon that a space follows."""
    return re.split(r"(?<=[a-z`\d)])[.:] ", text)[0].rstrip(".")


def _linked(text: str) -> str:
    """The text of a field, with links to issues and to reports."""
    text = re.sub(r"\bgh-(\d+)\b", rf"[gh-\1]({ISSUES}/\1)", text)
    return re.sub(r"\bdocs/(upstream/[\w-]+\.md)", r"[docs/\1](\1)", text)
