"""Errors from AWS, in the form of ``builder.errors``; exit codes from 40 on, but for 49 and 51, which are there."""

from builder.errors import BuildError


class NoCredentials(BuildError):
    """There are no AWS credentials, or they are expired or invalid."""

    exit_code = 40


class AccessDenied(BuildError):
    """The credentials are valid, but do not permit an action."""

    exit_code = 41


class UnknownRegion(BuildError):
    """A region that does not exist, or no region at all."""

    exit_code = 42


class Throttled(BuildError):
    """AWS still throttled requests after all retries."""

    exit_code = 43


class Unreachable(BuildError):
    """An AWS endpoint did not respond."""

    exit_code = 44


class Refused(BuildError):
    """AWS rejected a request for any other reason."""

    exit_code = 45


class LimitExceeded(BuildError):
    """A package exceeds one of Lambda's limits: its own size, or the size of a request."""

    exit_code = 46


class PartialFailure(BuildError):
    """Some regions have the layer and others do not."""

    exit_code = 47


class LayerNotFound(BuildError):
    """No known layer matches what was requested."""

    exit_code = 48


class NotReady(BuildError):
    """A function did not become active."""

    exit_code = 50


class Preview(BuildError):
    """A layer's interpreter is of a version that is not final, and nobody said that this is meant."""

    exit_code = 52
