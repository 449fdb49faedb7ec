"""A function that is in a container image, with its runtime → what came of invoking it."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builder.emulator.call import ENVIRONMENT, MEBIBYTE, Invocation, lay_agent, run_agent
from builder.emulator.guest import Outcome
from builder.emulator.places import in_container
from builder.errors import NoFunction, NoImage
from builder.executors.engine import Engine, connect, translate_engine_errors
from builder.executors.images import Images
from builder.fetch.report import Report
from builder.oci.reading import choose, open_path
from builder.oci.writing import write_untagged
from builder.platform import this_machine

OF_THE_PLATFORM = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""What Lambda itself adds to an image's variables, besides those that describe the function."""
_LOADED = re.compile(r"Loaded image(?: ID)?(?:\(s\))?: (\S+)")


def invoke_image(name: str, call: Invocation, cache: Path, report: Report) -> Outcome:
    """Invokes the function of an image once, in a container that is like Lambda.

    ``name`` is a file or folder with the image, or what the engine calls it. The call's handler, if there is one, takes
    the place of the image's command.

    Raises:
        NoEngine: there is none.
        NoImage: there is no such image.
        BadImage: the file is none, or not for this machine.
        NoFunction: the image does not say what is to be started.
    """
    architecture = this_machine().lambda_name
    with connect() as engine, tempfile.TemporaryDirectory(prefix="invoke-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        with loaded_image(engine, name, cache, report) as image:
            with translate_engine_errors("look at an image", NoImage):
                config: dict[str, Any] = engine.api.inspect_image(image)["Config"] or {}
            program = _program(name, config, call.handler)
            lay_agent(call.event, architecture, scratch, cache, report)
            report.note(f"in a container of {name}")
            with in_container(engine, image, scratch, None, call.memory * MEBIBYTE) as place:
                return run_agent(call, place, program, _environment(config))


def _program(name: str, config: dict[str, Any], handler: str) -> tuple[str, ...]:
    entry_point = config.get("Entrypoint") or ()
    arguments = (handler,) if handler else config.get("Cmd") or ()
    if not entry_point or not arguments:
        lacks = "handler" if entry_point else "entry point"
        raise NoFunction(
            f"{name} has no function to invoke.",
            f"Its configuration names no {lacks}.",
            "Pass --handler MODULE.FUNCTION." if entry_point else "Pass an image of nox -s build_image.",
        )
    return (*entry_point, *arguments)


def _environment(config: dict[str, Any]) -> dict[str, str]:
    given = dict(variable.split("=", 1) for variable in config.get("Env") or () if "=" in variable)
    return {**given, **{name: ENVIRONMENT[name] for name in OF_THE_PLATFORM}}


@contextmanager
def loaded_image(engine: Engine, name: str, cache: Path, report: Report) -> Iterator[str]:
    """The engine's name of an image; one that comes out of a file goes again.

    Raises:
        NoImage: there is no such image.
        BadImage: the file is none, or not for this machine.
    """
    path = Path(name)
    if not path.exists():
        yield Images(engine, cache, report).root(name)
        return
    with open_path(path) as images, tempfile.NamedTemporaryFile(suffix=".tar") as file:
        write_untagged(choose(images, this_machine().lambda_name, name), Path(file.name))
        before = {image["Id"] for image in _listed(engine)}
        with translate_engine_errors(f"load {name}", NoImage), Path(file.name).open("rb") as archive:
            said = "".join(str(line.get("stream", "")) for line in engine.api.load_image(archive))
    if not (found := _LOADED.search(said)):
        raise NoImage(f"The container engine did not load {name}.", f"It says: {said.strip()}.", "See its log.")
    try:
        yield found[1]
    finally:
        if found[1] not in before:
            engine.remove_image(found[1])


def _listed(engine: Engine) -> list[dict[str, Any]]:
    with translate_engine_errors("list images"):
        return list(engine.api.images(all=True))
