"""What can go wrong for a user: what failed, why, and what to do next.

Each kind has an exit code of its own, so that a script can tell "no disk left" from "a hash is wrong".
Only `builder.context.report_errors` catches these; everybody else lets them pass.
"""


class BuildError(Exception):
    """A failure the user can act on.

    ``what`` failed, ``why`` it did, and what to ``do`` about it; each one a sentence or two.
    """

    exit_code = 1

    def __init__(self, what: str, why: str, do: str) -> None:
        super().__init__(what, why, do)
        self.what, self.why, self.do = what, why, do

    def __str__(self) -> str:
        return f"{self.what}\n  why: {self.why}\n  do:  {self.do}"


class UnknownTarget(BuildError):
    """A product or an architecture that this project does not build."""

    exit_code = 3


class BadPins(BuildError):
    """``pins.toml`` or a policy file breaks its own rules."""

    exit_code = 10


class WrongHash(BuildError):
    """Bytes from outside are not the pinned ones."""

    exit_code = 11


class FetchFailed(BuildError):
    """No way led to an external file."""

    exit_code = 12


class UnsafeArchive(BuildError):
    """An archive is damaged, or holds something that would leave its folder."""

    exit_code = 13


class PatchRejected(BuildError):
    """A patch does not apply exactly."""

    exit_code = 14


class MissingTool(BuildError):
    """The machine lacks a program that the build needs."""

    exit_code = 15


class StepFailed(BuildError):
    """A command of a step ended with an error."""

    exit_code = 16


class NoSpace(BuildError):
    """The disk is full."""

    exit_code = 17


class NotWritable(BuildError):
    """The cache or ``dist/`` cannot be written."""

    exit_code = 18


class AuditFailed(BuildError):
    """The product breaks rules of ``builder/artifacts/policy/``."""

    exit_code = 19


class NotReproducible(BuildError):
    """Two builds of the same pins differ."""

    exit_code = 20


class NoEngine(BuildError):
    """No container engine answers, or none that we may use."""

    exit_code = 21


class NoImage(BuildError):
    """A container image cannot be had, or not be run on this machine."""

    exit_code = 22


class ContainerFailed(BuildError):
    """A container ended, or its engine refused something, while it was needed."""

    exit_code = 23


class NotLocked(BuildError):
    """A requirements file leaves open which bytes its packages are."""

    exit_code = 24


class NoWheel(BuildError):
    """A package has no wheel that the target can use."""

    exit_code = 25


class NotLoadable(BuildError):
    """A wheel's compiled code is for another machine or a newer glibc, or is linked to a library of the interpreter."""

    exit_code = 26


class FilesCollide(BuildError):
    """Two packages have different files at one place."""

    exit_code = 27


class LayerTooLarge(BuildError):
    """With its packages, a layer is larger than Lambda unzips."""

    exit_code = 28


class StaleProfile(BuildError):
    """The committed profile is of other sources, or of another compiler."""

    exit_code = 29


class ManifestMismatch(BuildError):
    """A zip is not what its manifest says, or there is no manifest that speaks of it."""

    exit_code = 30


class NoFunction(BuildError):
    """There is no function or no layer where it was said to be, or no event."""

    exit_code = 31


class PortInUse(BuildError):
    """Something else listens where the emulator should."""

    exit_code = 32


class FunctionFailed(BuildError):
    """A function that was invoked ended with an error, or would on Lambda."""

    exit_code = 33


class BadProduct(BuildError):
    """A folder below ``products/``, or a patch set that it names, is not in order."""

    exit_code = 34


class BadSource(BuildError):
    """A function's folder lacks what the function needs, or has what cannot be packaged."""

    exit_code = 49


class FunctionTooLarge(BuildError):
    """Unzipped, a function and its layer are larger than Lambda accepts."""

    exit_code = 51


class BadImage(BuildError):
    """What was given as a container image is none, is damaged, or is for other processors."""

    exit_code = 53


class Vulnerable(BuildError):
    """A component of a layer has a known vulnerability that nobody has assessed."""

    exit_code = 54


class Interrupted(BuildError):
    """Ctrl-C, or a request to terminate."""

    exit_code = 130
