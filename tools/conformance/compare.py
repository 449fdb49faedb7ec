"""Compares two outcomes, and their differences with the declared ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from tools.conformance.case import Aspect, Case, Rule
from tools.conformance.run import Outcome

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


@dataclass(frozen=True)
class Comparison:
    """A case and its outcome on both runtimes."""

    case: Case
    reference: Outcome
    ours: Outcome

    @property
    def different(self) -> tuple[Aspect, ...]:
        return tuple(aspect for aspect in ASPECTS if self.reference[aspect] != self.ours[aspect])

    @property
    def problems(self) -> list[str]:
        """Differences that are not declared, and declared ones that do not occur."""
        return problems(self.different, self.case.differs)

    @property
    def rules(self) -> list[Rule]:
        return list(dict.fromkeys(self.case.differs.values()))


def problems(different: tuple[Aspect, ...], declared: Mapping[Aspect, Rule]) -> list[str]:
    """Different calls entail different headers, bodies, logs and exits: a rule for the calls covers all of them."""
    undeclared = () if "calls" in declared else tuple(aspect for aspect in different if aspect not in declared)
    missing = tuple(aspect for aspect in declared if aspect not in different)
    return [
        *(f"{aspect}: differ, and no rule says so" for aspect in undeclared),
        *(f"{aspect}: a rule says that they differ, but they do not" for aspect in missing),
    ]
