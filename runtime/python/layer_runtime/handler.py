"""The handler's name → the callable."""

import sys

from layer_runtime.errors import Fault, stack_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def find_handler(name: str) -> "Callable[[Any, Any], Any]":
    """Imports the module and gets the function: ``module.function``, ``package/module.function``.

    ``module.Class.method`` and ``module.object.attribute`` work too. Raises Fault for what the platform has a type
    for; whatever else the function's code raises while it is imported passes through.
    """
    path, _, attribute = name.rpartition(".")
    if not path or not attribute:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': it should be module.function")
    module = path.replace("/", ".")
    if module.partition(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {path} as a handler module")
    try:
        found, objects = _import_holder(module)
    except ImportError as error:
        message = f"Unable to import module '{path}': {error}"
        raise Fault("Runtime.ImportModuleError", message, stack_of(error)) from error
    except SyntaxError as error:
        place = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{path}': {error}", [place]) from error
    return _get(name, found, [*objects, attribute])


def _import_holder(module: str) -> "tuple[Any, list[str]]":
    """The module; or, where the end of its name is no module, the one that holds such an object, and that end.

    ``__import__`` and not ``importlib``: so Python leaves its own frames out of the stack trace.
    """
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        parent = missing.rpartition(".")[0]
        objects = module[len(parent) + 1 :].split(".")
        if not f"{module}.".startswith(f"{missing}.") or not hasattr(sys.modules.get(parent), objects[0]):
            raise
        return sys.modules[parent], objects
    return sys.modules[module], []


def _get(name: str, found: "Any", attributes: list[str]) -> "Callable[[Any, Any], Any]":
    wanted = ".".join(attributes)
    module = name.removesuffix(f".{wanted}")
    try:
        for attribute in attributes:
            found = getattr(found, attribute)
    except AttributeError as error:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{wanted}' missing on module '{module}'") from error
    if not callable(found):
        kind = type(found).__name__
        raise Fault("Runtime.HandlerNotFound", f"Handler '{wanted}' on module '{module}' is a {kind}, not a function")
    return found  # type: ignore[no-any-return]
