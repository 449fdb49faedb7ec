"""The process's environment, without ``os``: importing that takes as long as everything else the loop does at a start.

``posix.environ`` is the dict behind ``os.environ``: what is put here stands there, whenever the function looks.
"""

import sys
from posix import environ, putenv, unsetenv

ENCODING = sys.getfilesystemencoding()


def get(name: str) -> str | None:
    """A variable's value; None where it is not set."""
    value = environ.get(name.encode())
    return None if value is None else value.decode(ENCODING, "surrogateescape")


def put(name: str, value: str) -> None:
    """Sets a variable, for this process and those that it starts."""
    key, data = name.encode(), value.encode(ENCODING, "surrogateescape")
    putenv(key, data)
    environ[key] = data


def pop(name: str) -> str | None:
    """Removes a variable and gives its value; None where it was not set."""
    value = get(name)
    if value is not None:
        key = name.encode()
        unsetenv(key)
        del environ[key]
    return value
