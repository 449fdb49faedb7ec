"""Two outcomes → where they differ, and whether that was told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from tools.conformance.case import Aspect, Case, Rule
from tools.conformance.run import Outcome

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


@dataclass(frozen=True)
class Comparison:
    """A case and what came of it."""

    case: Case
    reference: Outcome
    ours: Outcome

    @property
    def different(self) -> tuple[Aspect, ...]:
        return tuple(aspect for aspect in ASPECTS if self.reference[aspect] != self.ours[aspect])

    @property
    def problems(self) -> list[str]:
        """What is wrong: differences that nobody told, and told ones that are not there."""
        return problems(self.different, self.case.differs)

    @property
    def rules(self) -> list[Rule]:
        return list(dict.fromkeys(self.case.differs.values()))


def problems(different: tuple[Aspect, ...], told: Mapping[Aspect, Rule]) -> list[str]:
    """Other calls have other headers, bodies, logs and ends: a rule for the calls stands for all of them."""
    untold = () if "calls" in told else tuple(aspect for aspect in different if aspect not in told)
    missing = tuple(aspect for aspect in told if aspect not in different)
    return [
        *(f"{aspect}: differ, and no rule says so" for aspect in untold),
        *(f"{aspect}: a rule says that they differ, and they do not" for aspect in missing),
    ]
