"""The start: from what Lambda hands over to a handler that waits for its first event."""

import builtins
import posix
import sys
from time import tzset

from layer_runtime import collector, environment, imports
from layer_runtime import handler as function
from layer_runtime.api import ApiError, RuntimeApi
from layer_runtime.handler import prepare_handler
from layer_runtime.lifecycle import Terminated, leave_on_time, process
from layer_runtime.log import log
from layer_runtime.loop import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
GRACEFUL_SHUTDOWN = "LAMBDA_GRACEFUL_SHUTDOWN"
MAX_CONCURRENCY = "AWS_LAMBDA_MAX_CONCURRENCY"
"""Set on Lambda Managed Instances alone: how many invocations the environment is given at once."""
WRAPPED = "_LAYER_EXEC_WRAPPED"
"""Says that this process came out of the wrapper, whose own variable stays for those who look at it."""

UTC = "UTC"
SYSTEM_ZONES = "/usr/share/zoneinfo"
TIME_ZONES = "TZDIR"
"""The variable that tells glibc of another folder than that."""

CANNOT_EXECUTE = 126
NOT_FOUND = 127
"""A shell's exit codes, which the managed runtime's start script gives."""


def main(prefix: str, arguments: list[str]) -> int:
    """Serves the function until the process ends; an exit code if it cannot.

    ``prefix`` is the folder of the layer, without a slash at its end.
    """
    if environment.get(WRAPPER) == sys.argv[0]:
        from layer_runtime.wrapper_mode import leave_managed_runtime

        environment.pop(WRAPPER)  # A child that starts bootstrap itself is in no wrapper mode.
        leave_managed_runtime()
    else:
        if arguments:
            environment.put("_HANDLER", arguments[0])
        if code := _enter_wrapper(len(arguments)):
            return code
    endpoint = environment.get("AWS_LAMBDA_RUNTIME_API")
    if not endpoint:
        log.complain("AWS_LAMBDA_RUNTIME_API is not set: bootstrap runs inside Lambda, or under its emulator.")
        return 1
    log.configure()
    if environment.get("AWS_EXECUTION_ENV") is None:
        environment.put("AWS_EXECUTION_ENV", f"AWS_Lambda_{PYTHON}")
    _find_time_zones()
    _prepare_imports(prefix, environment.get("LAMBDA_TASK_ROOT") or "/var/task")
    process.watch()
    try:
        return _load_and_serve(RuntimeApi(endpoint), endpoint)
    except ApiError as error:
        log.complain(f"Runtime API: {error}")
        return 1
    except Terminated as exception:
        leave_on_time(exception)


def _load_and_serve(api: RuntimeApi, endpoint: str) -> int:
    """An exit code, if it comes to that; raises what ``serve`` raises, and ApiError."""
    extension = None
    if environment.get(GRACEFUL_SHUTDOWN):
        from layer_runtime.extension import register

        extension = register(endpoint)
    workers = None
    if environment.get(MAX_CONCURRENCY) is not None:
        from layer_runtime.workers import make_workers

        workers = make_workers(endpoint, extension)
        if not workers.preload:
            workers.divide(api)  # Returns in each worker.
    imports.serve(api)
    managed = sys.modules.get(imports.MANAGED_LOOP)  # Only when sitecustomize has asked for it.
    collector.pause()
    try:
        handler = (managed or function).find_handler(environment.get("_HANDLER") or "")
        if workers and workers.preload:
            workers.divide(api)
        handler = prepare_handler(handler, api)
    except Terminated:
        raise
    except BaseException as exception:  # Whatever stops the function from loading, the platform is told.
        from layer_runtime.report import ErrorReport

        report = ErrorReport(exception)
        report.write()
        if managed := sys.modules.get(imports.MANAGED_LOOP):
            managed.fail_init(report)
        else:
            api.fail_init(report)
        return 1
    collector.resume()
    if environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from layer_runtime.snapstart import take_snapshot

        if code := take_snapshot(api, extension):
            return code
    serve(api, handler)


def _enter_wrapper(argument_count: int) -> int:
    """Becomes the exec wrapper if there is one, or gives the exit code for one that cannot be executed.

    The wrapper gets the command line that runs this again, with no handler behind it: wrappers put options before
    its last word, or another name in ``_HANDLER``.
    """
    wrapper = environment.get(WRAPPER)
    wrapped = environment.pop(WRAPPED)
    if not wrapper or wrapped == wrapper:
        return 0
    from signal import SIG_DFL, SIGPIPE, signal

    environment.put(WRAPPED, wrapper)
    signal(SIGPIPE, SIG_DFL)  # Python ignores it, and exec would hand that on.
    command = [sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - argument_count]]
    try:
        posix.execv(wrapper, [wrapper, *command])
    except FileNotFoundError:
        log.complain(f"{WRAPPER}: {wrapper}: does not exist")
        return NOT_FOUND
    except OSError as error:
        log.complain(f"{WRAPPER}: {wrapper}: is not an executable: {error.strerror}")
        return CANNOT_EXECUTE


def _prepare_imports(prefix: str, task_root: str) -> None:
    """Makes the function's folder the working directory, and puts it and the layers' on ``sys.path``.

    Behind them stays what the interpreter found: ``PYTHONPATH``, then the standard library.
    """
    try:
        posix.chdir(task_root)
    except OSError:
        pass  # The handler's module will be missing, and that error names it.
    folders = [task_root, f"{prefix}/python/lib/{PYTHON}{sys.abiflags}/site-packages", f"{prefix}/python"]
    others = [folder for folder in sys.path if folder not in folders]
    sys.path[:] = [*folders, *others]
    imports.install(others)
    # The names that site would have given to everybody.
    vars(builtins).update(exit=sys.exit, quit=sys.exit)
    _run_site_hooks(folders)


def _find_time_zones() -> None:
    """Shows the system's library the layer's time zones where the system has none: ``time.localtime()``, and children.

    Python's ``zoneinfo`` finds them by itself.
    """
    variable = environment.get("TZ") or UTC
    zone = variable.removeprefix(":")
    folder = f"{sys._stdlib_dir}/tzdata/zoneinfo"  # type: ignore[attr-defined]  # noqa: SLF001
    if environment.get(TIME_ZONES) is not None or _exists(f"{SYSTEM_ZONES}/{zone}") or not _exists(f"{folder}/{zone}"):
        return
    environment.put(TIME_ZONES, folder)
    if zone != UTC:
        # Who asked for the time before looks again only for another zone.
        for value in (UTC, variable):
            environment.put("TZ", value)
            tzset()


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


def _run_site_hooks(folders: "Sequence[str]") -> None:
    """Runs what ``site`` runs at a start, where there is something: ``.pth`` files, and PYTHONPATH's sitecustomize."""
    with_pth = [folder for folder in folders if any(name.endswith(".pth") for name in _names_in(folder))]
    python_path = (environment.get("PYTHONPATH") or "").split(":")
    customized = any(name.startswith("sitecustomize") for folder in python_path if folder for name in _names_in(folder))
    if not with_pth and not customized:
        return
    import site

    for folder in with_pth:
        site.addsitedir(folder)
    if customized:
        site.execsitecustomize()


def _names_in(folder: str) -> list[str]:
    try:
        return posix.listdir(folder)
    except OSError:
        return []
