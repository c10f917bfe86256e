"""A token in place of groups, scopes and claims: the procedure step by step, and who it says asks.

The steps are the authorizer's own, by way of ``authorizer.cli.account.verification``. What the
token claims is taken at its word even where it is refused, to say what the policy would do; whoever
prints that says so. The token itself is never kept, and never printed.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from authorizer.cli.account.verification import (
    CLAIMS,
    TOKEN_STEPS,
    Verification,
    groups_of,
    read_part,
    strip_scheme,
    verify,
)
from authorizer.cli.analysis.request import Caller
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from authorizer.tokens.jwks import JwksCache
    from authorizer.tokens.pool import UserPool


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedToken:
    """What came of a token.

    Attributes:
        caller: who the token says asks; nobody where it cannot be read.
        is_proved: whether all five steps were judged and passed.
    """

    verification: Verification
    caller: Caller
    is_proved: bool

    @property
    def steps(self) -> tuple[tuple[int, str, str, str], ...]:
        """Number and name of each step, what came of it, and a style for that."""
        return tuple(
            (step, name, *self.verification.result_of(step)) for step, name in TOKEN_STEPS.items()
        )

    @property
    def summary(self) -> str:
        """What it comes to, in a sentence."""
        if self.is_proved:
            return "The token is good."
        if self.verification.is_good:
            return (
                "The token is not judged further: no pool and client are known; give --pool-id and "
                "--client-id."
            )
        return self.verification.detail or "The token is refused."


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


def judge_token(
    unverified_text: str,
    pool: UserPool | None,
    *,
    keys: JwksCache | None = None,
    clock: Callable[[], float] = time.time,
) -> JudgedToken:
    """Judge a token, with the pool's keys where a pool is known; see ``verify``."""
    verification = verify(unverified_text, pool, keys=keys, clock=clock)
    claims = read_part(unverified_text, CLAIMS) or {}
    scope = claims.get("scope")
    return JudgedToken(
        verification=verification,
        caller=Caller(
            groups=groups_of(claims),
            scopes=tuple(scope.split()) if isinstance(scope, str) else (),
            claims=claims,
        ),
        is_proved=verification.is_good and pool is not None,
    )
