"""The cases, as data."""

from tools.conformance.cases.contexts import CONTEXTS
from tools.conformance.cases.errors import ERRORS, REFUSALS
from tools.conformance.cases.events import EVENTS
from tools.conformance.cases.handlers import HANDLERS, LOADING
from tools.conformance.cases.lifecycle import SNAPSTART, START
from tools.conformance.cases.logs import FRAMES, JSON_LOGS, TEXT_LOGS
from tools.conformance.cases.results import RESULTS, UNENCODABLE

GROUPS = (
    START,
    HANDLERS,
    LOADING,
    EVENTS,
    RESULTS,
    UNENCODABLE,
    ERRORS,
    REFUSALS,
    CONTEXTS,
    TEXT_LOGS,
    JSON_LOGS,
    FRAMES,
    SNAPSTART,
)
