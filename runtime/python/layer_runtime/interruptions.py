"""What signals' handlers raise while the Runtime API is called. Imported when one does.

The connection keeps what has been sent and read, so a call goes on where it was.
"""

from layer_runtime.api import ApiError, RuntimeApi
from layer_runtime.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _layer_runtime import Answer

HURRIED_MS = 100
"""How long a send, and a wait for an answer, may take at the end: the platform gives 500 ms for everything."""


def pass_over(api: RuntimeApi, error: Exception, what: str) -> None:
    """Tells of what was raised during a wait: by the alarm of an invocation that is over, say.

    Raises ApiError if it was the connection.
    """
    if api.connection.failed:
        raise ApiError(f"{what}: {error}") from error
    log.complain(f"while there was no invocation: {type(error).__name__}: {error}")


def finish(api: RuntimeApi, what: str, raised: BaseException) -> "Answer":
    """Goes on with a request that was broken off, and gives its answer; raises ApiError if it was the connection.

    What was raised is told in the log; if it is to end the process, it is raised when the request is over.
    """
    leaving: BaseException | None = None
    while not api.connection.failed:
        if isinstance(raised, Exception):
            log.complain(f"during {what}: {type(raised).__name__}: {raised}")
        elif leaving is None:
            leaving = raised
            hurry(api)
        try:
            answer = api.connection.end()
        except BaseException as another:
            raised = another
        else:
            if leaving is not None:
                raise leaving
            return answer
    problem = ApiError(f"{what}: {raised}")
    if leaving is None:
        raise problem from raised
    log.complain(f"Runtime API: {problem}")
    raise leaving


def hurry(api: RuntimeApi) -> None:
    """From now on waits no longer than the process may still have: it has been told to end."""
    api.connection.hurry(HURRIED_MS)
