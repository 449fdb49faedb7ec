"""The cases, as data."""

from conformance.cases.contexts import CONTEXTS
from conformance.cases.errors import ERRORS, REFUSALS
from conformance.cases.events import EVENTS
from conformance.cases.handlers import HANDLERS, LOADING
from conformance.cases.life import LIFE, START
from conformance.cases.logs import FRAMES, JSON_LOGS, TEXT_LOGS
from conformance.cases.results import RESULTS, UNENCODABLE

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
    LIFE,
)
