"""Which executor a build works in."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

from builder.errors import ContainerFailed, MissingTool, NoEngine, NoImage, NoSpace
from builder.executors import Executor
from builder.executors.container import container_executor
from builder.executors.engine import connect
from builder.executors.host import Host
from builder.executors.images import Images
from builder.fetch.report import Report

Choice = Literal["auto", "host", "container"]

_UNUSABLE = (NoEngine, NoImage, MissingTool, ContainerFailed, NoSpace)
"""What keeps ``auto`` from a container; who asks for one gets the error."""


@contextmanager
def open_executor(
    choice: Choice, image: str, host: Host, report: Report, *, auto_downloads: bool = False
) -> Iterator[Executor]:
    """The executor for a build; where there was a choice, one line says which it is, and why.

    ``auto`` is a container of ``image`` if an engine answers and the image is at hand, else the host. At hand means
    that the engine has it, or that its root file system need not be downloaded, unless ``auto_downloads``.
    """
    with ExitStack() as stack:
        executor: Executor = host
        if choice == "container":
            executor = _container(stack, image, host, report, download=True)
            report.note(f"building in a container of {image}")
        elif choice == "auto":
            try:
                executor = _container(stack, image, host, report, download=auto_downloads)
            except _UNUSABLE as error:
                stack.close()
                reason, _, _ = error.why.partition("\n")
                report.note(f"building on the host. {error.what} {reason}")
            else:
                report.note(f"building in a container of {image}: an engine answers, and has the image")
        yield executor


def _container(stack: ExitStack, image: str, host: Host, report: Report, *, download: bool) -> Executor:
    """A container that ``stack`` removes; `NoImage` if it takes a download that is not wanted."""
    engine = stack.enter_context(connect())
    images = Images(engine, host.cache, report)
    if not download and not images.at_hand(image):
        raise NoImage(
            f"The image {image} is not at hand.",
            "It would have to be downloaded first: --in=container does so.",
            "Say --in=container.",
        )
    return stack.enter_context(container_executor(engine, images.build_image(image), host))
