"""Containers that live as long as we do.

Files go in and come out as archives through the engine's API, so nothing of this machine is mounted, nothing on it
belongs to root afterwards, and the engine may be elsewhere.
"""

import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import docker
import requests
from docker.errors import DockerException
from docker.utils.socket import frames_iter

from builder.errors import BuildError, ContainerFailed, NoImage
from builder.executors.engine import OWNER_LABEL, Engine, this_process, translate_engine_errors
from builder.executors.tar_archive import TarArchive, extract_tar

USER = (993, 990)
"""Under these numbers Lambda runs functions, and we run everything."""

_READY = b"ready"


@dataclass(frozen=True)
class ResourceLimits:
    """What a container may use."""

    memory: int
    """Bytes."""
    cpus: int | None = None
    """None: all that there are."""
    processes: int = 4096
    """Threads count."""
    scratch: int | None = None
    """Bytes of a /tmp in memory; all else is read-only then, as on Lambda."""


class Container:
    """A running container; it ends with the ``with`` block, and with this process, whatever ends it.

    Its first process reads from us, and leaves when we are gone; the engine then removes the container. What runs in
    it is unprivileged (`USER`), without a network beyond its own loopback.
    """

    def __init__(self, engine: Engine, image: str, limits: ResourceLimits) -> None:
        self._api, self._engine = engine.api, engine
        self._image, self.limits = image, limits

    def __enter__(self) -> Self:
        with translate_engine_errors(f"make a container of {self._image}", NoImage):
            self.id = _create(self._api, self._image, self.limits)
        try:
            self._lifeline = self._start()
        except BaseException:
            self._engine.remove_container(self.id)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lifeline.close()
        self._engine.remove_container(self.id)

    def put(self, tar: TarArchive) -> None:
        """Lays out a tar's files below the root."""
        with self._translated("take files into a container"):
            self._api.put_archive(self.id, "/", tar.finish())

    def take(self, place: str, folder: Path) -> None:
        """Brings the file or folder ``place`` out into a folder, under its own name."""
        with self._translated(f"give {place} out of a container"):
            pieces, _ = self._api.get_archive(self.id, place)
            extract_tar(pieces, folder)

    def run(
        self,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        output: Callable[[bytes], object],
        *,
        errors: Callable[[bytes], object] | None = None,
        cwd: str = "/",
    ) -> int:
        """Runs a command to its end and returns its exit code (137: signal 9); ``output`` is called while it runs.

        Standard error goes to ``errors``, if that is given, and else to ``output``.
        It sees ``environment`` on top of what image and engine set. If the wait is interrupted, the command goes on
        for as long as the container does.

        Raises:
            ContainerFailed: the container is gone.
        """
        with self._translated(f"run `{command[0]}` in a container"):
            started = self._api.exec_create(self.id, list(command), environment=dict(environment), workdir=cwd)["Id"]
            for said, complained in self._api.exec_start(started, stream=True, demux=True):
                if said:
                    output(said)
                if complained:
                    (errors or output)(complained)
            code = self._api.exec_inspect(started)["ExitCode"]
        if code != 0 and not self._is_running():
            raise _gone()
        return int(code)

    def kill_commands(self) -> None:
        """Ends all that runs in the container but what keeps it; nothing happens if it is gone."""
        with suppress(BuildError):
            self.run(("/bin/sh", "-c", "kill -9 -1"), {}, lambda _: None)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Whatever the engine says of a container that is gone, that is what failed."""
        try:
            with translate_engine_errors(doing):
                yield
        except (ContainerFailed, tarfile.ReadError) as error:  # an archive may end in the middle
            if self._is_running():
                raise
            raise _gone() from error

    def _is_running(self) -> bool:
        try:
            return bool(self._api.inspect_container(self.id)["State"]["Running"])
        except (DockerException, requests.RequestException):
            return False

    def _start(self) -> Any:
        parameters = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        with translate_engine_errors(f"start a container of {self._image}", NoImage):
            lifeline = self._api.attach_socket(self.id, params=parameters)
            self._api.start(self.id)
            said = next((text for _, text in frames_iter(lifeline, tty=False)), b"nothing")
            if said.strip() != _READY:
                lifeline.close()
                raise DockerException(said.decode(errors="replace").strip())
        return lifeline


def _gone() -> ContainerFailed:
    return ContainerFailed(
        "The container is gone in which the work was done.",
        "Somebody removed it, its engine was stopped, or its first process was killed.",
        "Run it again: it goes on where it was.",
    )


def _create(api: docker.APIClient, image: str, limits: ResourceLimits) -> str:
    """A container whose first process says that it is there, and then waits for the end of what we say."""
    options: dict[str, Any] = {"mem_limit": limits.memory, "pids_limit": limits.processes}
    if limits.cpus:
        options["nano_cpus"] = min(limits.cpus, api.info()["NCPU"]) * 10**9
    if limits.scratch:
        options |= {"read_only": True, "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={limits.scratch}"}}  # noqa: S108
    return str(
        api.create_container(
            image,
            ["/bin/sh", "-c", f"echo {_READY.decode()}; exec cat"],
            entrypoint=[],
            stdin_open=True,  # until we are gone
            user=f"{USER[0]}:{USER[1]}",
            labels={OWNER_LABEL: this_process()},
            host_config=api.create_host_config(
                auto_remove=True, network_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges"], **options
            ),
        )["Id"]
    )


@contextmanager
def temporary_image(engine: Engine, image: str, tar: TarArchive) -> Iterator[str]:
    """An image with a tar's files in it, for as long as the block lasts."""
    with translate_engine_errors(f"put files into {image}"):
        container = engine.api.create_container(image, ["/bin/sh"], labels={OWNER_LABEL: this_process()})["Id"]
        try:
            engine.api.put_archive(container, "/", tar.finish())
            made = engine.api.commit(container)["Id"]
        finally:
            engine.remove_container(container)
    try:
        yield made
    finally:
        engine.remove_image(made)
