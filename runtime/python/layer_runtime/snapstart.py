"""SnapStart: the hooks on both sides of the snapshot, and what must not be the same in every copy of it.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

import os
import sys

from layer_runtime.api import ApiError
from layer_runtime.imports import SNAPSHOT_HOOKS
from layer_runtime.lifecycle import Terminated
from layer_runtime.loop import complain
from layer_runtime.report import ErrorReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from layer_runtime.api import RuntimeApi
    from layer_runtime.extension import Extension

BEFORE_SNAPSHOT_FAILED = 64
AFTER_RESTORE_FAILED = 65
"""Exit codes that the platform expects."""


def take_snapshot(api: "RuntimeApi", extension: "Extension | None") -> int:
    """Waits for the snapshot and its restore, with the hooks around them; 0, or the exit code if one of them failed.

    Raises Terminated.
    """
    hooks = sys.modules.get(SNAPSHOT_HOOKS)  # Not imported: nothing registered.
    try:
        before = hooks.get_before_snapshot() if hooks else []
        while before:
            function, arguments, keywords = before.pop()
            function(*arguments, **keywords)
        api.wait_for_restore()
    except Terminated:  # The environment ends: nothing has failed.
        raise
    except BaseException as exception:
        _tell(exception, lambda report: api.fail_init(report, "Runtime.BeforeSnapshotError"))
        return BEFORE_SNAPSHOT_FAILED
    api.reconnect()
    if extension:
        extension.wait()
    reseed()
    try:
        for function, arguments, keywords in list(hooks.get_after_restore()) if hooks else []:
            function(*arguments, **keywords)
    except Terminated:
        raise
    except BaseException as exception:
        _tell(exception, api.fail_restore)
        return AFTER_RESTORE_FAILED
    return 0


def _tell(exception: BaseException, hand_in: "Callable[[ErrorReport], None]") -> None:
    report = ErrorReport(exception)
    report.write()
    try:
        hand_in(report)
    except ApiError as error:
        complain(error)


def reseed() -> None:
    """Gives what draws random numbers in this process a state of its own; ``os.urandom`` has none to share."""
    modules = sys.modules
    if random := modules.get("random"):
        random.seed()
    if tempfile := modules.get("tempfile"):
        vars(tempfile)["_name_sequence"] = None  # Its names come from a generator that only a fork would renew.
    if openssl := modules.get("_ssl"):
        openssl.RAND_add(os.urandom(32), 32.0)
    if numpy := modules.get("numpy.random"):
        numpy.seed()
