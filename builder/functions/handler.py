"""A handler and the folder that it is in."""

from pathlib import Path

from builder.errors import BadSource


def check_handler(handler: str, source: Path) -> None:
    """`BadSource` unless the handler's module is in the folder."""
    module, dot, name = handler.replace("/", ".").rpartition(".")
    if not (module and dot and name):
        raise BadSource(f"{handler!r} is not a handler.", "It names no module.", "Pass --handler module.function")
    path = source / module.replace(".", "/")
    if not (path.is_dir() or list(path.parent.glob(f"{path.name}.*"))):
        raise BadSource(
            f"The handler {handler!r} is not in {source}.",
            f"There is no {module.replace('.', '/')}.py.",
            "Pass that module's folder as --source, or correct --handler.",
        )
