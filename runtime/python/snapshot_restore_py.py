"""What a function wants done before SnapStart takes its snapshot, and after each restore.

The managed runtime brings a module of this name and with these functions; so does this layer.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Hook = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

__all__ = ["register_after_restore", "register_before_snapshot"]

_before_snapshot: "list[Hook]" = []
_after_restore: "list[Hook]" = []


def register_before_snapshot(func: "Callable[..., Any]", *args: "Any", **kwargs: "Any") -> "Callable[..., Any]":
    """Calls ``func(*args, **kwargs)`` before the snapshot, last registered first; works as a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func: "Callable[..., Any]", *args: "Any", **kwargs: "Any") -> "Callable[..., Any]":
    """Calls ``func(*args, **kwargs)`` after a restore, first registered first; works as a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot() -> "list[Hook]":
    """The hooks themselves, in the order of their registration."""
    return _before_snapshot


def get_after_restore() -> "list[Hook]":
    """The hooks themselves, in the order of their registration."""
    return _after_restore
