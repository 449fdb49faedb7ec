"""builder.errors: one exit code for each kind of failure."""

import re

from builder import errors
from builder.aws import errors as aws_errors
from builder.errors import BuildError

from .fakes import ROOT


def kinds() -> list[type[BuildError]]:
    found = (*vars(errors).values(), *vars(aws_errors).values())
    return list({kind for kind in found if isinstance(kind, type) and issubclass(kind, BuildError)})


def test_every_kind_of_error_has_an_exit_code_of_its_own() -> None:
    codes = [kind.exit_code for kind in kinds()]
    assert len(codes) > 10
    assert len(set(codes)) == len(codes)


def test_no_exit_code_is_that_of_success_or_of_a_wrong_command_line() -> None:
    assert not {kind.exit_code for kind in kinds()} & {0, 2}  # argparse exits with 2


def test_an_error_says_what_failed_why_and_what_to_do() -> None:
    error = BuildError("The cake burnt.", "The oven was at 300 °C.", "Bake at 180 °C.")
    assert str(error).splitlines() == [
        "The cake burnt.",
        "  why: The oven was at 300 °C.",
        "  do:  Bake at 180 °C.",
    ]


def test_every_kind_says_when_it_is_raised() -> None:
    assert all(kind.__doc__ for kind in kinds())


def test_one_table_has_every_exit_code() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE))
    meant = {str(kind.exit_code): " ".join((kind.__doc__ or "").replace("``", "`").split()) for kind in kinds()}
    del meant["1"]  # of the base class, for whatever else there is
    assert list(told) == ["0", "1", "2", *sorted(meant, key=int)]
    assert {code: told[code] for code in meant} == meant
