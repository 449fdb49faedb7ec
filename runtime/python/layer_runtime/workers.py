"""Lambda Managed Instances: an environment that is given many invocations at once, each to a process of its own.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-managed-instances

The process that Lambda started becomes the parent of one worker for each slot. It never asks for an invocation: it
replaces workers that have died, answers for them, and hands SIGTERM on. Imported where there is such a limit.
"""

import gc
import posix
import sys
import time
from _signal import (  # type: ignore[import-not-found]
    SIG_BLOCK,
    SIG_DFL,
    SIG_SETMASK,
    SIGCHLD,
    SIGKILL,
    SIGTERM,
    getsignal,
    pthread_sigmask,
    signal,
    sigtimedwait,
    strsignal,
)
from _socket import AF_UNIX, SOCK_STREAM, socket
from mmap import mmap

from layer_runtime import environment
from layer_runtime.api import ApiError, Invocation, RuntimeApi
from layer_runtime.errors import Fault
from layer_runtime.lifecycle import process
from layer_runtime.log import STDERR, STDOUT, flush_output, log, timestamp
from layer_runtime.main import MAX_CONCURRENCY
from layer_runtime.shared_output import share_output
from layer_runtime.slot import BUSY, IDLE, SIZE, STARTING, Slot, SlotConnection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from layer_runtime.extension import Extension

LOG_SOCKET = "_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET"
"""The platform's socket that gives each worker streams of its own."""
PRELOAD = "LAMBDA_WORKER_PRELOAD"
"""If it is set, the function is imported once, and the workers share the memory of that."""
GRACE = "LAMBDA_WORKER_GRACE_SECONDS"
"""How long after an invocation's deadline its worker is replaced: never if it is not set, as in the managed runtime."""
LONGEST_GRACE = 86_400
DEBUG = 10
"""``logging.DEBUG``, without ``logging``."""
MOST = 1600
"""The platform's own limit."""
OTHER_DESCRIPTORS = 256
"""Room for what is not a slot's connection."""
MOST_FAILURES = 8
"""Workers of a slot, one after the other, that never got to ask for anything: then the slot is given up."""
COMMON = (
    "concurrent.futures.thread", "configparser", "contextvars", "decimal", "email.message", "getpass", "gzip", "hmac",
    "http.client", "http.cookies", "importlib.metadata", "inspect", "ipaddress", "json", "logging",
    "multiprocessing.managers", "platform", "secrets", "shlex", "ssl", "subprocess", "tempfile", "typing",
    "urllib.request", "uuid", "xml.etree.ElementTree", "zipfile",
)  # fmt: skip
"""Of the standard library, what boto3 imports, and with it most functions."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds before a worker whose forerunners did not finish one invocation; each pause is twice the last."""
LOOK = 0.25
"""Seconds between two looks at deadlines."""
SHUTDOWN = 0.5
"""Seconds that workers have after SIGTERM, as much as the loop has everywhere."""


def make_workers(endpoint: str, extension: "Extension | None") -> "Workers":
    """The slots that the environment asks for. Raises SystemExit when it asks for what is no number."""
    limit = environment.get(MAX_CONCURRENCY) or ""
    grace = environment.get(GRACE)
    count = int(limit) if limit.isascii() and limit.isdecimal() and len(limit) < 10 else 0
    if not 1 <= count <= MOST:
        log.complain(f"{MAX_CONCURRENCY} is {limit!r}, which is no number from 1 to {MOST}")
        raise SystemExit(1)
    try:
        seconds = float(grace) if grace else None
    except ValueError:
        seconds = -1.0
    if seconds is not None and not 0 <= seconds < LONGEST_GRACE:
        log.complain(f"{GRACE} is {grace!r}, which is no number of seconds")
        raise SystemExit(1)
    return Workers(count, seconds, endpoint, extension)


class Workers:
    """The slots and their workers; ``grace`` in seconds."""

    def __init__(self, count: int, grace: float | None, endpoint: str, extension: "Extension | None") -> None:
        self.preload = bool(environment.get(PRELOAD))
        self._grace = grace
        self._endpoint = endpoint
        self._extension = extension
        self._api = RuntimeApi(endpoint)
        self._request_length = len(self._api.next_request)
        self._ever_asked = self._has_told = False
        self._log_socket = environment.get(LOG_SOCKET)
        if not self._log_socket:
            share_output()
        memory = memoryview(mmap(-1, count * SIZE))
        self._slots = [Slot(number, memory[number * SIZE :][:SIZE]) for number in range(count)]

    def divide(self, api: RuntimeApi) -> None:
        """Becomes the parent, and returns in each worker, with ``api`` on connections of the worker's own."""
        if log.level == "DEBUG":
            _tell_count(len(self._slots))
        if self.preload:
            _complain_of_threads()
        else:
            _import_common()
        _raise_descriptor_limit(len(self._slots) + OTHER_DESCRIPTORS)
        self._on_child = getsignal(SIGCHLD)
        signal(SIGCHLD, SIG_DFL)  # Ignored, it would let the dead vanish.
        self._mask = pthread_sigmask(SIG_BLOCK, (SIGCHLD, SIGTERM))
        gc.collect()
        gc.freeze()  # A collection would write to every object, and give each worker a copy of its own.
        if slot := self._supervise():
            self._become_worker(slot, api)

    def _supervise(self) -> Slot | None:
        """Starts workers, and looks after them; returns in each of them. The parent ends in here."""
        while True:
            now = time.monotonic()
            for slot in self._slots:
                if slot.due is not None and slot.due <= now and self._start(slot):
                    return slot
            due = [slot.due for slot in self._slots if slot.due is not None]
            if not due and not any(slot.pid for slot in self._slots):
                self._give_up()
            waits = [max(0.0, moment - time.monotonic()) for moment in due] + [3600.0 if self._grace is None else LOOK]
            received = sigtimedwait((SIGCHLD, SIGTERM), min(waits))
            if received and received.si_signo == SIGTERM:
                self._shut_down()
            if received:
                self._bury_dead()
            if self._grace is not None:
                self._kill_overdue(self._grace)

    def _start(self, slot: Slot) -> bool:
        """Forks a worker; true in the worker."""
        slot.due = None
        try:
            slot.connect(self._endpoint)
        except ConnectionError as error:
            log.complain(f"worker {slot.number} asks on its own connection: {error}")
        slot.start()
        slot.before = slot.taken
        slot.is_overdue = False
        flush_output()
        try:
            slot.pid = posix.fork()
        except OSError as error:
            slot.unasked += 1
            self._failed(slot, f"worker {slot.number} cannot be started: {error.strerror}", is_final=False)
            return False
        return slot.pid == 0

    def _become_worker(self, slot: Slot, api: RuntimeApi) -> None:
        for other in self._slots:
            if other is not slot:
                other.disconnect()
        self._api.connection.drop()
        if self._extension:
            self._extension.leave()
        process.begin_anew()
        signal(SIGCHLD, SIG_DFL if self._on_child is None else self._on_child)
        if self._log_socket:
            _take_streams(self._log_socket)
            log.configure()
        if self.preload:
            from layer_runtime.snapstart import reseed

            reseed()
        connection = SlotConnection(self._endpoint, slot, self._request_length)
        api.connection = connection  # type: ignore[assignment]  # It has all that is called.
        pthread_sigmask(SIG_SETMASK, self._mask)

    def _bury_dead(self) -> None:
        for slot in self._slots:
            if slot.pid and (dead := posix.waitpid(slot.pid, posix.WNOHANG))[0]:
                self._bury(slot, posix.waitstatus_to_exitcode(dead[1]))

    def _bury(self, slot: Slot, code: int) -> None:
        """Answers for a dead worker, and lets another one take its place."""
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by signal {-code} ({strsignal(-code)})"
        if slot.is_overdue:
            how = f"was killed: {GRACE} after its invocation's deadline"
        what = f"worker {slot.number} (process {slot.pid}) {how}"
        slot.pid = 0
        state = slot.state
        self._ever_asked = self._ever_asked or state != STARTING
        if state == STARTING or (state == IDLE and code == 1 and not slot.ids[0]):  # The Runtime API refused it.
            slot.unasked += 1
        else:
            slot.unasked = 0
        if slot.taken - slot.before > (state == BUSY):
            slot.failures = 0
        if state == BUSY:
            self._answer(slot, how)
        # Who exits with 1 before it has asked for anything has told the platform, and would do so again.
        has_told = code == 1 and state == STARTING
        self._has_told = self._has_told or has_told
        is_final = has_told and not self._ever_asked and all(each.state == STARTING for each in self._slots)
        self._failed(slot, what, is_final)

    def _failed(self, slot: Slot, what: str, is_final: bool) -> None:
        slot.failures += 1
        given_up = is_final or slot.unasked >= MOST_FAILURES
        log.complain(f"{what}; its slot is given up" if given_up else what)
        if not given_up:
            pause = FIRST_PAUSE * 2 ** (slot.failures - 2) if slot.failures > 1 else 0.0
            slot.due = time.monotonic() + min(pause, LONGEST_PAUSE)

    def _answer(self, slot: Slot, how: str) -> None:
        from layer_runtime.report import ErrorReport

        request_id, invocation_id = slot.ids
        if not request_id:
            log.complain(f"worker {slot.number} had an invocation whose ids are too long to answer for it")
            return
        invocation = Invocation((request_id, *(None,) * 6, invocation_id, None), b"")
        log.request_id = request_id
        try:
            fault = Fault("Runtime.ExitError", f"The process that handled the invocation {how}")
            self._api.fail(invocation, ErrorReport(fault, request_id))
        except ApiError as error:  # It may be that the worker had answered.
            log.warn(f"Runtime API: {error}")
        log.request_id = None

    def _kill_overdue(self, grace: float) -> None:
        latest = (time.time() - grace) * 1000
        for slot in self._slots:
            if slot.pid and slot.state == BUSY and 0 < slot.deadline_in_ms < latest:
                slot.is_overdue = True
                posix.kill(slot.pid, SIGKILL)

    def _shut_down(self) -> "NoReturn":
        """Hands SIGTERM on, and ends when all are gone, or the time is over."""
        end = time.monotonic() + SHUTDOWN
        for slot in self._slots:
            if slot.pid:
                posix.kill(slot.pid, SIGTERM)
        while any(slot.pid for slot in self._slots) and (left := end - time.monotonic()) > 0:
            sigtimedwait((SIGCHLD,), left)
            for slot in self._slots:
                if slot.pid and posix.waitpid(slot.pid, posix.WNOHANG)[0]:
                    slot.pid = 0
        for slot in self._slots:
            if slot.pid:
                posix.kill(slot.pid, SIGKILL)
        self._end(0)

    def _give_up(self) -> "NoReturn":
        """There is no worker any more, and there will be none."""
        message = "No worker is left, and all slots are given up"
        log.complain(message)
        if not self._ever_asked and not self._has_told:
            from layer_runtime.report import ErrorReport

            try:
                self._api.fail_init(ErrorReport(Fault("Runtime.ExitError", message)))
            except ApiError as error:
                log.complain(f"Runtime API: {error}")
        self._end(1)

    @staticmethod
    def _end(code: int) -> "NoReturn":
        """Runs nothing of the function's, which may have been imported here."""
        flush_output()
        posix._exit(code)  # noqa: SLF001 - that is its name


def _tell_count(count: int) -> None:
    """The managed runtime's record."""
    from layer_runtime.payload import to_log_json

    event = "runtime_worker_pool_initializing"
    message = {"event": event, "workerCount": count, "executionEnvironmentMaxConcurrency": count}
    now = time.time()
    if log.is_json:
        fields = {"timestamp": timestamp(now), "level": "DEBUG", "message": message, "logger": "root", "requestId": ""}
        text = to_log_json(fields)
    else:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        text = f"[DEBUG]\t{moment}.{int(now * 1000) % 1000:03}Z\t\t{message}"
    log.write(f"{text}\n", DEBUG, log.is_json)


def _take_streams(path: str) -> None:
    """Puts connections to the platform's socket in the place of stdout and stderr."""
    try:
        for descriptor in (STDOUT, STDERR):
            stream = socket(AF_UNIX, SOCK_STREAM)
            stream.connect(path)
            posix.dup2(stream.fileno(), descriptor)
            stream.close()
    except OSError as error:
        share_output()
        log.complain(f"{LOG_SOCKET} is {path!r}, which cannot be reached: {error}")


def _import_common() -> None:
    """Imports once for all workers what most of them will import: a third less memory, and start, for each.

    It is the standard library's only where no file beside the function's, or of a layer, goes by a name of it.
    """
    library = sys._stdlib_dir  # type: ignore[attr-defined]  # noqa: SLF001
    for folder in sys.path:
        if folder == library:
            break
        try:
            names = posix.listdir(folder)
        except OSError:
            continue
        if not sys.stdlib_module_names.isdisjoint(name.partition(".")[0] for name in names):
            return
    for name in COMMON:
        try:
            __import__(name)
        except Exception:
            pass  # The function will get to know it, if it wants that module.


def _complain_of_threads() -> None:
    """A fork has one thread: what others do at the import does not go on in workers."""
    threading = sys.modules.get("threading")
    names = [each.name for each in threading.enumerate() if each is not threading.main_thread()] if threading else []
    count = len(posix.listdir("/proc/self/task")) - 1
    if count > len(names):
        names.append(f"{count - len(names)} that Python does not know")
    if names:
        log.complain(f"{PRELOAD}: no worker will have the threads that the import has left running: {', '.join(names)}")


def _raise_descriptor_limit(needed: int) -> None:
    """The parent holds a connection for each slot; one that it cannot have, its worker opens for itself."""
    from resource import RLIMIT_NOFILE, getrlimit, setrlimit

    soft, hard = getrlimit(RLIMIT_NOFILE)
    if 0 <= soft < needed:
        try:
            setrlimit(RLIMIT_NOFILE, (needed if hard < 0 else min(needed, hard), hard))
        except (OSError, ValueError):
            pass
