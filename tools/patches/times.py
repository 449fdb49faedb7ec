"""Processor time of pyperformance's benchmarks and of our programs, on two interpreters in turns."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from builder.errors import BuildError
from tools.bench.interpreter import PYPERF, Benchmark, benchmarks, compare
from tools.bench.interpreters import Interpreter
from tools.patches.load import programs
from tools.patches.results import Comparison

HERE = Path(__file__).parent
CLOCK = HERE / "clock"
"""What makes pyperf measure processor time."""
DOZEN = (
    *("chaos", "deltablue", "float", "generators", "go", "hexiom", "json_loads", "nbody", "pickle_pure_python"),
    *("regex_compile", "richards", "telco"),
)
"""pyperformance's benchmarks by which all patches are measured, whatever they are for."""
VALUES = int(next(option for option in PYPERF if option.startswith("--values=")).removeprefix("--values="))
"""How many values a result has of each turn."""


def find_benchmarks(names: Iterable[str], site: Path) -> tuple[Benchmark, ...]:
    """Benchmarks by their names in headers, of the pyperformance that is installed in a folder of packages.

    Raises:
        BuildError: there is no such benchmark.
    """
    ours = (f"programs/{name}" for name in programs())
    known = {name: Benchmark(name, HERE / "timed.py", (name.removeprefix("programs/"),)) for name in ours}
    known |= {each.name: each for each in benchmarks(site)}
    names = tuple(names)
    if unknown := [name for name in names if name not in known]:
        what = f"There is no benchmark {', '.join(unknown)}."
        raise BuildError(what, f"There are {', '.join(known)}.", "Correct `Benchmark:` in the patch's header.")
    return tuple(known[name] for name in names)


def compare_times(
    whole: Path, without: Path, selected: Sequence[Benchmark], site: Path, scratch: Path, rounds: int
) -> dict[str, dict[str, Comparison]]:
    """Benchmark → result → seconds of each round, the least of a turn. One that fails has no results."""
    pair = (Interpreter("whole", whole, site=site), Interpreter("without", without, site=site))
    found = {}
    for benchmark in selected:
        values = compare(pair, (benchmark,), scratch, rounds, (CLOCK,))
        found[benchmark.name] = {
            name: Comparison(_by_round(values["whole"][name]), _by_round(values["without"][name]))
            for name in values["whole"]
        }
    return found


def _by_round(values: Sequence[float]) -> tuple[float, ...]:
    """The least of each turn: other load can only add time."""
    return tuple(min(values[place : place + VALUES]) for place in range(0, len(values), VALUES))
