"""Which executor a build works in."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

from builder.errors import MissingTool, NoEngine, NoImage
from builder.executors import Executor
from builder.executors.container import container_executor
from builder.executors.engine import connect
from builder.executors.host import Host
from builder.executors.images import Images
from builder.fetch.report import Report

Choice = Literal["auto", "host", "container"]


@contextmanager
def open_executor(choice: Choice, image: str, host: Host, report: Report) -> Iterator[Executor]:
    """The executor for a build; ``auto`` is a container of ``image`` if that can be had, and says why it is not."""
    with ExitStack() as stack:
        if choice != "host":
            try:
                engine = stack.enter_context(connect())
                made = Images(engine, host.cache, report).executor(image)
            except (NoEngine, NoImage, MissingTool) as error:
                if choice == "container":
                    raise
                report.note(f"building on the host, not in a container of {image}. {error.what}\n       {error.why}")
            else:
                report.note(f"building in a container of {image}")
                yield stack.enter_context(container_executor(engine, made, host))
                return
        yield host
