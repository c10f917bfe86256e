"""Cases as they are written, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authorizer.cli.analysis.request import Caller, Request
    from authorizer.cli.analysis.simulator import Answer
    from authorizer.cli.template.model import Place
    from authorizer.policy.model import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One request, and whether it must get through.

    Attributes:
        place: of the line that says so; of the case, where only its completeness does.
        route: the route that is unlisted, where only the case's completeness says so.
    """

    request: Request
    allowed: bool
    place: Place
    route: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A caller, and what they may and may not do.

    Attributes:
        name: as given, or made up of the caller.
        is_complete: whether what is not listed must be denied.
    """

    name: str
    place: Place
    caller: Caller
    expectations: tuple[Expectation, ...] = ()
    is_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an expectation."""

    case: Case
    expectation: Expectation
    answer: Answer

    @property
    def passed(self) -> bool:
        """Whether it came as expected. What the policy does not decide is as nobody expects."""
        return self.answer.is_known and self.answer.is_open is self.expectation.allowed

    @property
    def is_decided(self) -> bool:
        """Whether it could be told what becomes of the request."""
        return self.answer.is_decidable

    @property
    def is_unsure(self) -> bool:
        """Whether it cannot be told if the policy is asked about the route."""
        protection = self.answer.protection
        return protection is not None and protection.asks_policy is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something of a rule that no case exercises.

    Attributes:
        what: which part of it, in words.
    """

    rule: Rule
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Which rules decided something.

    Attributes:
        grants, denies: how many there are, and how many of them are exercised in full.
        blind: complete cases that say nothing of routes which could not be read.
    """

    grants: tuple[int, int]
    denies: tuple[int, int]
    gaps: tuple[Gap, ...]
    blind: tuple[Case, ...] = ()
