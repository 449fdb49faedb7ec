"""What can go wrong with AWS, told as in ``builder.errors``; exit codes from 40 on."""

from builder.errors import BuildError


class NoCredentials(BuildError):
    """There are no AWS credentials, or they are expired or wrong."""

    exit_code = 40


class Denied(BuildError):
    """The credentials are good, but do not allow an action."""

    exit_code = 41


class UnknownRegion(BuildError):
    """A region that AWS does not have, or none at all."""

    exit_code = 42


class Throttled(BuildError):
    """AWS still wanted fewer requests after all retries."""

    exit_code = 43


class Unreachable(BuildError):
    """No answer from an endpoint of AWS."""

    exit_code = 44


class Refused(BuildError):
    """AWS refused a request for a reason of its own."""

    exit_code = 45


class OverTheLimit(BuildError):
    """A package is larger than Lambda takes, or takes on this way."""

    exit_code = 46


class NotEverywhere(BuildError):
    """Some regions have the layer and some have not."""

    exit_code = 47


class NoLayer(BuildError):
    """No layer is known that fits what was asked for."""

    exit_code = 48


class BadSource(BuildError):
    """A function's source does not hold what the function needs."""

    exit_code = 49


class NotReady(BuildError):
    """A function did not become active."""

    exit_code = 50
