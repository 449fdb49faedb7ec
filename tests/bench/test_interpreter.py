"""What is compared, benchmarks that fail, and the page. The programs here are no benchmarks: they need no pyperf."""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from builder.pins import load_pins
from builder.product import load_products
from tests.unit.fakes import PATIENCE, is_running, wait_until
from tools.bench import interpreter, stock
from tools.bench.files import Unavailable
from tools.bench.interpreter import Benchmark, common_benchmarks, compare, run
from tools.bench.interpreter_report import ratios_to, write_report
from tools.bench.interpreters import Interpreter, make_interpreters
from tools.bench.processor import one_processor
from tools.bench.stock import with_paths
from tools.support.wheels import lock_file, target_of_version

PRODUCTS = load_products(load_pins())
SERIES = {
    product.series for product in PRODUCTS.by_name.values() if product.interpreter == "cpython" and not product.preview
}

THIS = Interpreter("this", Path(sys.executable), site=Path("/nowhere"))
OF_PYPERFORMANCE = Path("pyperformance", "data-files", "benchmarks")


def program(folder: Path, text: str) -> Benchmark:
    script = folder / "run_benchmark.py"
    script.write_text(text, encoding="utf-8")
    return Benchmark("mine", script, ())


def test_a_benchmark_that_takes_too_long_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = tmp_path / "child"
    child = f"open('part', 'w').write(str(os.getpid())); os.rename('part', {str(number)!r}); time.sleep(3600)"
    child = f"import os, time; os.chdir({str(tmp_path)!r}); {child}"
    benchmark = program(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    seconds = 0.5
    while not number.exists():  # a busy machine may not have started it by then
        assert seconds < PATIENCE
        monkeypatch.setattr(interpreter, "TIMEOUT", seconds)
        with pytest.raises(subprocess.SubprocessError, match=f"this: longer than {re.escape(str(seconds))} s"):
            run(THIS, benchmark, tmp_path)
        seconds *= 2
    wait_until(lambda: not is_running(int(number.read_text(encoding="ascii"))))


def test_a_benchmark_that_fails_is_reported_with_its_last_line_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = program(tmp_path, "import sys; sys.exit('no such luck')")
    assert compare([THIS], [benchmark], tmp_path, 1) == {"this": {}}
    assert capsys.readouterr().out == "mine: not run: this: no such luck\n"


def test_one_processor_is_used_and_the_previous_settings_are_restored() -> None:
    before = os.sched_getaffinity(0), os.sched_getscheduler(0)
    with one_processor():
        assert len(os.sched_getaffinity(0)) == 1
    assert (os.sched_getaffinity(0), os.sched_getscheduler(0)) == before


def result(*names: str) -> str:
    """A program that says of some benchmarks that they took a second."""
    suite = {
        "metadata": {},
        "benchmarks": [{"metadata": {"name": each}, "runs": [{"values": [1.0]}]} for each in names],
    }
    return f"""
import json, sys
(output,) = (each.removeprefix("--output=") for each in sys.argv if each.startswith("--output="))
open(output, "w").write({json.dumps(suite)!r})
"""


def installed(site: Path, benchmarks: dict[str, str], about: str = "") -> Interpreter:
    """An interpreter with a pyperformance of its own that has these benchmarks: name → program."""
    for name, text in benchmarks.items():
        folder = site / OF_PYPERFORMANCE / f"bm_{name}"
        folder.mkdir(parents=True)
        (folder / "bm.toml").write_text(f'[tool.pyperformance]\nname = "{name}"\n{about}', "utf-8")
        program(folder, text)
    return Interpreter(site.name, Path(sys.executable), site=site)


def test_a_benchmark_that_one_lacks_or_has_otherwise_is_left_out_for_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = installed(tmp_path / "one", {"both": "", "first": ""})
    two = installed(tmp_path / "two", {"both": "", "second": ""})
    (both,) = common_benchmarks((one, two))
    assert (both.name, both.script) == ("both", OF_PYPERFORMANCE / "bm_both" / "run_benchmark.py")
    assert capsys.readouterr().out.splitlines() == [
        "first: not run: two: there is none like it",
        "second: not run: one: there is none like it",
    ]
    three = installed(tmp_path / "three", {"both": ""}, 'extra_opts = ["--quick"]')
    assert list(common_benchmarks((one, three))) == []


def test_each_interpreter_runs_the_script_of_its_own_packages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = installed(tmp_path / "one", {"both": "import mine\n" + result("same", "first")})
    two = installed(tmp_path / "two", {"both": "import mine\n" + result("same", "second")})
    for each in (one, two):
        assert each.site
        (each.site / "mine.py").write_text("", "utf-8")
    results = compare((one, two), tuple(common_benchmarks((one, two))), tmp_path, 2)
    assert results == {"one": {"same": [1.0, 1.0]}, "two": {"same": [1.0, 1.0]}}
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["first: left out: two: no such result", "second: left out: one: no such result"]


RESULTS = {
    "this layer": {"slow": [3.0, 2.0], "fast": [1.0]},
    "gcc14": {"slow": [4.0, 5.0], "fast": [4.0]},
    "debian13": {"slow": [2.0], "fast": [2.0]},
    "upstream": {"slow": [2.5], "fast": [4.0]},
}


def test_the_report_compares_this_layer_with_each_in_a_column(tmp_path: Path) -> None:
    page = write_report(RESULTS, dict.fromkeys(RESULTS, "Python"), "cpython-3.14", 2, tmp_path)
    assert page == (tmp_path / "interpreter.md").read_text("utf-8")
    assert "| 2 results of pyperformance | this layer / gcc14 | this layer / debian13 | this layer / upstream |" in page
    assert "| fast | 0.250 | 0.500 | 0.250 |\n| slow | 0.500 | 1.000 | 0.800 |\n" in page
    assert ratios_to(RESULTS, "upstream") == {"slow": 0.8, "fast": 0.25}


def test_the_report_says_what_each_is_and_compares_the_means_of_both_variants(tmp_path: Path) -> None:
    versions = {name: f"Python 3.14.7 of {name}" for name in RESULTS}
    page = write_report(RESULTS, versions, "cpython-3.14", 2, tmp_path)
    assert (
        """
| | what it is | this layer / it | upstream / it |
| --- | --- | ---: | ---: |
| this layer | Python 3.14.7 of this layer |  |  |
| gcc14 | Python 3.14.7 of gcc14 | **0.354** | **0.791** |
| debian13 | Python 3.14.7 of debian13 | **0.707** | **1.581** |
| upstream | Python 3.14.7 of upstream | **0.447** |  |
"""
        in page
    )
    assert "`upstream` is the variant without patches for speed.\n`debian13` is Debian 13's python3.13; `gcc14`" in page
    alone = {name: values for name, values in RESULTS.items() if name != "upstream"}
    page = write_report(alone, versions, "cpython-3.14-upstream", 2, tmp_path)
    assert "| gcc14 | Python 3.14.7 of gcc14 | **0.354** |\n" in page
    assert "without patches for speed" not in page


def test_an_interpreter_says_what_it_is() -> None:
    assert THIS.version.startswith(f"Python {platform.python_version()} ")
    assert "\n" not in THIS.version
    assert target_of_version(THIS.version).series == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_an_interpreter_says_whether_it_has_a_gil() -> None:
    found = (target_of_version(f"Python 3.14.7 {build}(main, Aug  5 2026)") for build in ("", "free-threading build "))
    assert [target.abi for target in found] == ["cp314", "cp314t"]


def test_two_interpreters_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="several interpreters are called mine"):
        make_interpreters(THIS.python, ("mine=/a/bin/python", "machine", "mine=/b/bin/python"), tmp_path)


def test_products_are_compared_by_the_paths_of_their_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "layer_of", lambda product, folder: folder / product.version)
    product = PRODUCTS.default
    python = f"{tmp_path}/{product.name}/{product.version}/bin/python{product.series}"
    assert with_paths(("debian13", product.name, "mine=/usr/bin/python3"), tmp_path) == [
        *("debian13", f"{product.name}={python}", "mine=/usr/bin/python3")
    ]


def test_all_series_have_the_same_pyperformance() -> None:
    locks = [lock_file("pyperformance", series).read_text("utf-8") for series in SERIES]
    assert len(locks) > 1
    for package in ("pyperformance", "pyperf"):
        assert len({re.findall(f"^{package}==.*", lock, re.MULTILINE)[0] for lock in locks}) == 1
