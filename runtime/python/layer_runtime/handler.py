"""The handler's name → the callable."""

import sys

from layer_runtime.errors import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from layer_runtime.api import RuntimeApi

ASYNCHRONOUS = 0x80 | 0x200
"""``inspect.CO_COROUTINE`` and ``inspect.CO_ASYNC_GENERATOR``, without ``inspect``."""
STREAM = "response_stream"


def find_handler(name: str) -> "Callable[[Any, Any], Any]":
    """Imports the module and gets the function: ``module.function``, ``package/module.function``.

    ``module.Class.method`` and ``module.object.attribute`` work too. Raises Fault for what the platform has a type
    for; whatever else the function's code raises while it is imported passes through.
    """
    path, _, attribute = name.rpartition(".")
    if "." not in name:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': it should be module.function")
    module = path.replace("/", ".")
    if module.partition(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {path} as a handler module")
    try:
        found, objects = _import_holder(module)
    except ImportError as error:
        message = f"Unable to import module '{path}': {error}"
        raise Fault("Runtime.ImportModuleError", message, error) from error
    except SyntaxError as error:
        place = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise Fault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{path}': {error}", stack=[place]
        ) from error
    return _get(name, found, [*objects, attribute])


def prepare_handler(handler: "Callable[..., Any]", api: "RuntimeApi") -> "Callable[[Any, Any], Any]":
    """The handler as the loop calls it, and what it will need, now: before the first event, time is cheap."""
    code = _code_of(handler)
    if code is None:
        return handler
    if code.co_flags & ASYNCHRONOUS:
        __import__("layer_runtime.coroutines")
    if STREAM in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        from layer_runtime.streaming import with_stream

        return with_stream(handler, api)
    return handler


def _code_of(handler: "Any") -> "Any":
    """The code of the function that will get the arguments; None where that is not written in Python."""
    while (inner := getattr(handler, "__wrapped__", None)) is not None:
        handler = inner
    if not hasattr(handler, "__code__"):  # A bound method has its function's; another object may be called like one.
        handler = getattr(type(handler), "__call__", None)  # noqa: B004 - not whether, but what
    return getattr(handler, "__code__", None)


def _import_holder(module: str) -> "tuple[Any, list[str]]":
    """The module; or, where the end of its name is no module, the one that holds such an object, and that end."""
    try:
        found = _import(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        parent = missing.rpartition(".")[0]
        objects = module[len(parent) + 1 :].split(".")
        if not f"{module}.".startswith(f"{missing}.") or not hasattr(sys.modules.get(parent), objects[0]):
            raise
        return sys.modules[parent], objects
    return found, []


def _import(module: str) -> "Any":
    """The module, by ``__import__`` and not by ``importlib``: so Python leaves its own frames out of the stack trace.

    Tracers' ``.pth`` files replace ``importlib.import_module``, by which the managed runtime gets the handler's module,
    and wrap the handler in what that gives: then it is used here too.
    """
    importlib = sys.modules.get("importlib")
    by_name = getattr(importlib, "import_module", None)
    if by_name is None or (type(by_name) is type(_import) and by_name.__globals__ is vars(importlib)):
        __import__(module)
        return sys.modules[module]
    return by_name(module)


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
