"""Parsers → ``docs/command-line.md``: each session of the noxfile with the options that its command takes."""

import argparse
import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import builder.aws.__main__
import builder.cli
import tools.bench.__main__
import tools.conformance.__main__
import tools.docs.site
import tools.patches.__main__
import tools.prove.__main__
import tools.regrtest.__main__
import tools.training.profile
import tools.wheels.__main__

MakeParser = Callable[[], argparse.ArgumentParser]

PARSERS: dict[str, tuple[MakeParser, str]] = {
    **dict.fromkeys(
        (
            *("build_layer", "reproduce", "release", "check_dist", "verify", "update_pins", "download", "store"),
            *("invoke", "package_function", "build_image", "audit_cves"),
        ),
        (builder.cli.make_parser, "builder"),
    ),
    **dict.fromkeys(("publish_layer", "deploy_function"), (builder.aws.__main__.make_parser, "builder.aws")),
    "bench": (tools.bench.__main__.make_parser, "tools.bench"),
    "conformance": (tools.conformance.__main__.make_parser, "tools.conformance"),
    "patches": (tools.patches.__main__.make_parser, "tools.patches"),
    "prove_patches": (tools.prove.__main__.make_parser, "tools.prove"),
    "regrtest": (tools.regrtest.__main__.make_parser, "tools.regrtest"),
    "site": (tools.docs.site.make_parser, "tools.docs.site"),
    "soak": (tools.bench.__main__.make_parser, "tools.bench"),
    "train_profile": (tools.training.profile.make_parser, "tools.training.profile"),
    "wheels": (tools.wheels.__main__.make_parser, "tools.wheels"),
}
"""A session → what makes the parser that its options are for, and the module that this belongs to."""

CHAPTERS: dict[str, tuple[str, ...]] = {
    "Build and verify": ("build_layer", "verify", "reproduce", "download", "audit_cves", "store"),
    "Functions": ("invoke", "package_function", "build_image", "publish_layer", "deploy_function"),
    "Tests": (
        *("tests", "test_in_container", "test_in_al2", "test_in_al2023", "test_containers", "examples", "lint"),
        *("conformance", "regrtest", "wheels", "fuzz", "soak", "prove_patches"),
    ),
    "Measurements": ("bench", "patches"),
    "Maintenance": ("update_pins", "lock", "train_profile", "symbol_order", "check_dist", "release", "docs", "site"),
}

HEAD = """\
<!-- ./nox -s docs wrote this, from noxfile.py and the parsers of the commands. -->

# Sessions and their options

A session is run by `./nox -s NAME -- OPTIONS`, or by an installed `nox`. It installs its locked requirements into an
environment of its own, `.nox/NAME`, and runs one command with these options. `nox` ends with 1 whatever the command
ended with; scripts run the command itself ([exit codes](exit-codes.md)). Sessions without a table pass their options to
pytest, or take none.
"""


@dataclass(frozen=True)
class Session:
    name: str
    summary: str


def sessions(noxfile: Path) -> list[Session]:
    """The sessions of a noxfile in its order, with the first lines of their docstrings; nothing of it is run."""
    tree = ast.parse(noxfile.read_text(encoding="utf-8"))
    return [
        Session(node.name, (ast.get_docstring(node) or "").partition("\n")[0])
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any(ast.unparse(each) == "nox.session" for each in node.decorator_list)
    ]


def page(noxfile: Path) -> str:
    """The whole page; `KeyError` for a session that no chapter has, or a chapter's that the noxfile has not."""
    found = {session.name: session for session in sessions(noxfile)}
    lines = [HEAD]
    for title, names in CHAPTERS.items():
        lines.append(f"## {title}\n")
        for name in names:
            lines += _section(found.pop(name))
    if found:
        raise KeyError(f"no chapter has {', '.join(found)}")
    return "\n".join(lines)


def _section(session: Session) -> Iterator[str]:
    yield f"### {session.name}\n"
    yield f"{_sentence(session.summary)}\n"
    if session.name in PARSERS:
        make, module = PARSERS[session.name]
        yield from _options(make(), session.name.replace("_", "-"), f"python -m {module}")


def _options(parser: argparse.ArgumentParser, command: str, path: str) -> Iterator[str]:
    """What a parser takes; of one with commands, what each of them takes, or only the session's own."""
    actions = parser._actions  # noqa: SLF001 - argparse has no public name for a parser's options
    of_parser = [each for each in actions if "--help" not in each.option_strings]
    for each in of_parser:
        if each.nargs == argparse.PARSER:
            choices = dict(each.choices or {})
            for name in [command] if command in choices else choices:
                yield from _options(choices[name], command, f"{path} {name}")
            return
    yield f"`{path}`\n"
    rows = [f"| {_names(each)} | {_meaning(each)} |" for each in of_parser]
    yield "\n".join(("| option | |", "| --- | --- |", *rows, "")) if rows else "It takes no options.\n"


def _names(action: argparse.Action) -> str:
    value = _value(action)
    if not action.option_strings:
        text = f"{value}…" if action.nargs == "*" else value
    else:
        names = ", ".join(action.option_strings)
        text = names if action.nargs == 0 else f"{names} {value}"
    required = action.required and action.option_strings
    return f"`{text}`{' (required)' if required else ''}".replace("|", "\\|")


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _meaning(action: argparse.Action) -> str:
    choices = ", ".join(map(str, action.choices or ()))
    text = (action.help or "") % {**vars(action), "choices": choices}
    if isinstance(action, argparse._AppendAction) and not re.search("repeat|several", text):  # noqa: SLF001 - as above
        text = f"{text}; repeatable"
    return text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return text if text.endswith((".", ":", "`")) else f"{text}."
