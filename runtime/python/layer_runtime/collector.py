"""The garbage collector while a function loads: it waits, and does not look through what was loaded ever again.

Imports make objects by the hundred thousand, of which next to none is garbage: to look for some is a twentieth of a
load. A function that has its own mind about that is not disturbed: whoever uses ``gc`` finds it as it would be without
this, because the waiting ends when a name of it is looked up.
"""

import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WHILE_LOADING = 200_000
"""New objects before the collector looks after all: what a load leaves behind stays below some 30 MB."""

_names: "dict[str, Any]" = {}
"""What ``gc`` has, as long as it is hidden there."""
_threshold = 0


def pause() -> None:
    """Lets the collector wait, unless somebody, in a sitecustomize, has said when it is to work."""
    global _threshold  # noqa: PLW0603
    _threshold = gc.get_threshold()[0]
    if not gc.isenabled() or not 0 < _threshold < WHILE_LOADING:
        return
    gc.set_threshold(WHILE_LOADING)
    module = vars(gc)
    _names.update((name, value) for name, value in module.items() if name[0] != "_")
    module["__getattr__"] = _look_up
    for name in _names:
        del module[name]


def resume() -> None:
    """Ends that; if nobody has used ``gc`` meanwhile, what there is by now is left out of collections from now on."""
    if "__getattr__" in vars(gc):
        _end()
        gc.freeze()


def _end() -> None:
    vars(gc).update(_names)
    vars(gc).pop("__getattr__", None)
    if gc.get_threshold()[0] == WHILE_LOADING:
        gc.set_threshold(_threshold)


def _look_up(name: str) -> "Any":
    if name in _names or name == "__all__":  # Not for who asks every module, as inspect does, for its __file__.
        _end()
    if name not in vars(gc):
        raise AttributeError(f"module 'gc' has no attribute {name!r}")
    return vars(gc)[name]
