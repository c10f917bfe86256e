"""A token in place of groups, scopes and claims: the procedure step by step, and who it says asks.

The steps are judged by ``authorizer.cli.account.judge``, with the authorizer's own verifier. What
the token claims is taken at its word even where it is refused, to say what the policy would do;
whoever prints that says so. The token itself is never kept, and never printed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from authorizer.cli.account.judge import Judgement, judge, judge_offline
from authorizer.cli.account.steps import TOKEN_STEPS
from authorizer.cli.account.unverified import groups_of, read_parts, strip_scheme
from authorizer.cli.analysis.request import Caller
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from authorizer.tokens.pool import UserPool


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedToken:
    """What came of a token.

    Attributes:
        caller: who the token says asks; nobody where it cannot be read.
        is_proved: whether all five steps were judged and passed.
    """

    judgement: Judgement
    caller: Caller
    is_proved: bool

    @property
    def steps(self) -> tuple[tuple[int, str, str, str], ...]:
        """Number and name of each step, what came of it, and a style for that."""
        return tuple(
            (step, name, *self.judgement.word_on(step)) for step, name in TOKEN_STEPS.items()
        )

    @property
    def summary(self) -> str:
        """What it comes to, in a sentence."""
        if self.is_proved:
            return "The token is good."
        if self.judgement.is_good:
            return (
                "The token is not judged further: no pool and client are known; give --pool-id and "
                "--client-id."
            )
        return self.judgement.detail or "The token is refused."


def read_token(source: str) -> str:
    """The token in a file, or on standard input for ``-``.

    Raises:
        ConfigurationError: there is none. What is there is not quoted: it may be a secret.
    """
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a file's name"
        hint = "; a token is given in a file, or as - on standard input" if "." in source else ""
        raise ConfigurationError([f"the token's file cannot be read: {why}{hint}"]) from None
    text = strip_scheme(data.decode("utf-8", "replace"))
    if not text:
        raise ConfigurationError(["expected a token, found nothing"])
    return text


def judge_token(unverified_text: str, pool: UserPool | None) -> JudgedToken:
    """Judge a token, with the pool's keys where a pool is known."""
    judgement = judge_offline(unverified_text) if pool is None else judge(unverified_text, pool)
    claims = read_parts(unverified_text).claims or {}
    scope = claims.get("scope")
    return JudgedToken(
        judgement=judgement,
        caller=Caller(
            groups=groups_of(claims),
            scopes=tuple(scope.split()) if isinstance(scope, str) else (),
            claims=claims,
        ),
        is_proved=judgement.is_good and pool is not None,
    )
