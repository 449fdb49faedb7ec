"""A container engine: Docker, or what speaks its API (Podman)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import docker
import requests
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env

from builder import DISTRIBUTION
from builder.errors import ContainerFailed, MissingTool, NoEngine, NoImage, NoSpace

OWNER_LABEL = f"{DISTRIBUTION}.owner"
"""On every container and image that must not outlive the process that made it."""

_ANSWER, _WORK = 10, 600
"""Seconds that the engine may take to say that it is there, and for one request."""
_LATE = (APIError, requests.RequestException)
"""What a removal ends with if the engine is at it already, or done, or gone itself: no error of ours."""
_DOCKER, _PODMAN = "docker.sock", "podman/podman.sock"


class Engine:
    """A container engine that answers."""

    def __init__(self, api: docker.APIClient) -> None:
        self.api = api

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()

    def sweep(self) -> None:
        """Removes what processes left that were killed before they could do so."""
        mine = {"label": OWNER_LABEL}
        with translate_engine_errors("list containers"):
            for container in self.api.containers(all=True, filters=mine):
                if is_dead(container["Labels"][OWNER_LABEL]):
                    self.remove_container(container["Id"])
            for image in self.api.images(filters=mine):
                if is_dead(image["Labels"][OWNER_LABEL]):
                    self.remove_image(image["Id"])

    def remove_image(self, image: str) -> None:
        with suppress(*_LATE):  # or somebody else removed it, or uses it
            self.api.remove_image(image, force=True)

    def remove_container(self, container: str) -> None:
        with suppress(*_LATE):
            self.api.remove_container(container, force=True, v=True)
        with suppress(*_LATE):
            self.api.wait(container, condition="removed")


def connect() -> Engine:
    """The engine of DOCKER_HOST, else the first one that answers on a usual socket; `NoEngine` says why none does."""
    try:
        from_environment = dict[str, Any](kwargs_from_env())
    except DockerException as error:  # DOCKER_TLS_VERIFY without certificates
        raise _no_engine([innermost(error)]) from error
    addresses = [from_environment["base_url"]] if "base_url" in from_environment else _sockets()
    reasons = []
    for address in addresses:
        try:
            api = docker.APIClient(**{**from_environment, "base_url": address}, version="auto", timeout=_ANSWER)
        except DockerException as error:
            reasons.append(f"{address}: {innermost(error)}")
        else:
            api.timeout = _WORK
            return Engine(api)
    raise _no_engine(reasons or [f"Neither Docker nor Podman has a socket in {' or '.join(_socket_folders())}"])


def _no_engine(reasons: list[str]) -> NoEngine:
    forbidden = any("Permission denied" in reason for reason in reasons)
    return NoEngine(
        "No container engine answers that we may use.",
        "\n       ".join(reasons) + ".",
        "Join the engine's group (`sudo usermod -aG docker $USER`, then log in again), or start Podman without root\n"
        "       (`systemctl --user start podman.socket`)."
        if forbidden
        else "Start Docker (`sudo systemctl start docker`) or Podman (`systemctl --user start podman.socket`), or\n"
        "       name its address in DOCKER_HOST; Debian's package is docker.io. --in=host does without.",
    )


def _socket_folders() -> tuple[str, str]:
    """The system's and the user's."""
    return "/run", os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")


def _sockets() -> list[str]:
    """The usual addresses that have a socket, or may have one in a folder that we may not look into."""
    paths = (f"{folder}/{socket}" for folder in _socket_folders() for socket in (_DOCKER, _PODMAN))
    return [f"unix://{path}" for path in paths if not _is_missing(path)]


def _is_missing(path: str) -> bool:
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # who connects is told what it is
        return False
    return False


@contextmanager
def translate_engine_errors(
    doing: str, kind: type[NoImage] | type[ContainerFailed] = ContainerFailed
) -> Iterator[None]:
    """Turns what the engine says into errors for users."""
    try:
        yield
    except (DockerException, requests.RequestException, ConnectionError) as error:
        why = innermost(error)
        if "no space left on device" in why.lower():
            raise engine_full(why) from error
        if "exec format error" in why.lower():
            raise other_processor(why) from error
        raise kind(f"The container engine could not {doing}.", f"{why}.", "See what the engine's log says.") from error


def engine_full(why: str) -> NoSpace:
    """The error for a full disk where the engine keeps its containers."""
    return NoSpace(
        "The container engine has no space left.",
        f"{why}.",
        "Free some where the engine keeps its data (`docker system df` shows what takes it); a build takes about 3 GB.",
    )


def other_processor(why: str) -> MissingTool:
    """The error for an image whose programs the engine's kernel cannot run."""
    return MissingTool(
        "The image is for another processor.",
        f"{why}.",
        "On Debian or Ubuntu: apt-get install qemu-user-static binfmt-support; the kernel then runs it under qemu.",
    )


def innermost(error: BaseException) -> str:
    """What the engine or the system said, without what libraries wrap around it."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation).strip().rstrip(".")
    nested = [argument for argument in error.args if isinstance(argument, BaseException)]
    nested += [cause for cause in (error.__cause__, error.__context__) if cause]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return innermost(nested[0]) if nested else str(error).strip().rstrip(".")


def this_process() -> str:
    """Us, in a word that no other has had or will have: boot, namespace, number and time of start."""
    return " ".join((*_world(), str(os.getpid()), _start_of(os.getpid())))


def is_dead(owner: str) -> bool:
    """Whether a process has ended; of those elsewhere, and of other boots, one does not know."""
    *world, number, start = owner.split()
    return tuple(world) == _world() and _start_of(int(number)) != start


def _world() -> tuple[str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return boot, os.readlink("/proc/self/ns/pid")


def _start_of(process: int) -> str:
    """When a process was started, in the kernel's ticks; empty if there is none of that number."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[19]
