"""Asking the authorizer's own procedure about a token, and telling the answer step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.account.steps import STEP_OF, TOKEN_STEPS
from authorizer.cli.account.unverified import read_parts
from authorizer.errors import InvalidTokenError, KeysUnavailableError, Reason
from authorizer.tokens.compact import parse_compact, require_bounded_ascii
from authorizer.tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from authorizer.tokens.pool import UserPool

_HEADER_STEP = 2
_KEY_STEP = 3
_LAST_STEP = max(TOKEN_STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How far a token got.

    Attributes:
        passed: the last step that it passed; 0 for none.
        reason: why it was refused at the next one; nothing when it was not.
        detail: in words, why it was refused or could not be judged further.
        is_good: whether it passed all that there was to be judged by.
    """

    passed: int
    reason: Reason | None = None
    detail: str | None = None
    is_good: bool

    def word_on(self, step: int) -> tuple[str, str]:
        """What came of a step, and a style to print it in."""
        if step <= self.passed:
            return "passed", "green"
        if step == self.passed + 1 and self.reason is not None:
            return f"failed: {self.reason}", "bold red"
        if step == self.passed + 1 and not self.is_good:
            return "could not be judged: the pool's keys are out of reach", "bold yellow"
        return "not reached" if not self.is_good else "not judged", "dim"


def judge(unverified_text: str, pool: UserPool) -> Judgement:
    """Judge a token as an API's authorizer does, with the pool's keys.

    Args:
        unverified_text: the token.
        pool: with the app client that it should be for.
    """
    try:
        TokenVerifier(pool, remember=0).verify(unverified_text)
    except InvalidTokenError as error:
        return _refused(error)
    except KeysUnavailableError as error:
        return Judgement(
            passed=_KEY_STEP - 1,
            detail=f"nobody can say whether it is good without the pool's keys: {error}",
            is_good=False,
        )
    return Judgement(passed=_LAST_STEP, is_good=True)


def judge_offline(unverified_text: str) -> Judgement:
    """Judge as far as that takes no pool: the shape, the header, and whether claims are there."""
    try:
        parse_compact(require_bounded_ascii(unverified_text))
    except InvalidTokenError as error:
        return _refused(error)
    if read_parts(unverified_text).claims is None:
        reason, words = Reason.CLAIMS_NOT_JSON, "expected a JSON object as claims"
        return _refused(InvalidTokenError(reason, words))
    return Judgement(passed=_HEADER_STEP, is_good=True)


def _refused(error: InvalidTokenError) -> Judgement:
    return Judgement(
        passed=STEP_OF[error.reason] - 1,
        reason=error.reason,
        detail=f"Refused at step {STEP_OF[error.reason]}: {error}",
        is_good=False,
    )
