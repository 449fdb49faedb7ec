"""The start as a managed runtime's exec wrapper. Imported for that.

A managed Python's start script runs ``AWS_LAMBDA_EXEC_WRAPPER`` with its interpreter and its loop as arguments. If that
is our own bootstrap, it takes their place: functions from a zip get what is for managed runtimes only, such as
SnapStart. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
"""

import sys

from layer_runtime import environment

MANAGED = ("/var/lang", "/var/runtime")
"""The managed interpreter with its libraries; its loop, and the packages that come with that."""
PATHS = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH")


def leave_managed_runtime() -> None:
    """Takes the managed Python out of the paths, for this process and its children.

    It may be of another version: its modules must not be mixed into this one, and ``python3`` must not be another for
    a child than here. So boto3 is what the function brings along, as without a managed runtime. The rest stays in its
    order: the system's folders, the function's and the layers' libraries, and what the function's settings add.

    The dynamic linker has read LD_LIBRARY_PATH before: in this process it still looks there, as the managed runtime's
    does. The interpreter wants nothing but glibc; to begin once more without that folder would double the start.
    """
    for name in PATHS:
        value = environment.get(name)
        if value is None:
            continue
        kept = ":".join(_without_managed(value.split(":")))
        if kept:
            environment.put(name, kept)
        else:
            environment.pop(name)
    sys.path[:] = _without_managed(sys.path)


def _without_managed(folders: list[str]) -> list[str]:
    return [folder for folder in folders if not f"{folder}/".startswith(tuple(f"{each}/" for each in MANAGED))]
