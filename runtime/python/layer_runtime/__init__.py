"""The runtime loop: events from Lambda's Runtime API to the function's handler, and its results back.

The modules, in the order in which an event meets them:

- ``main``: the start: exec wrapper, ``sys.path``. ``environment``: the variables, without ``os``.
- ``wrapper_mode``: the same as a managed runtime's exec wrapper.
- ``handler``: the handler's name → the callable.
- ``_layer_runtime``, in C in the interpreter: HTTP/1.1 over one socket. ``api``: the Runtime API's calls.
- ``interruptions``: signals whose handlers raise meanwhile.
- ``loop``: event → handler → answer.
- ``payload``: event and result as JSON. ``context``: the handler's second argument. ``caller``: who called.
- ``errors``, ``report``: what went wrong, as the Runtime API, X-Ray and the log want it.
- ``log``: where records go. ``function_logging``: what the function logs with ``logging``.
- ``imports``: what waits for the function to import something. ``managed``: what it puts into ``awslambdaric``.
- ``coroutines``, ``streaming``: handlers that are ``async``, and responses that leave piece by piece.
- ``asgi_bridge``, ``http_events``: ASGI applications as handlers.
- ``workers``, ``slot``, ``shared_output``: one process for each of many invocations at once.
- ``lifecycle``, ``extension``, ``snapstart``: how the process ends, and how it is copied.

What start-up imports is paid for at every cold start: built-in and frozen modules only. That is why there are no
dataclasses here, and why annotations that need ``typing`` are strings.
"""

VERSION = "0.1.0"


def __getattr__(name: str) -> object:
    """What functions ask for by ``from layer_runtime import asgi``."""
    if name != "asgi":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from layer_runtime.asgi_bridge import asgi

    return asgi
