"""What cannot be decided: an exception while a fact is worked out, a value once it is there.

Whoever works out a fact asks for what it needs with :func:`known`, and goes straight on;
:func:`or_unknown` makes a fact of what then comes up. A fact that is not decided is never left out.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from authorizer.cli.template.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from authorizer.cli.template.model import Cause

_Given = ParamSpec("_Given")
_Fact = TypeVar("_Fact")


class UndecidedError(Exception):
    """What a fact depends on cannot be decided offline."""

    def __init__(self, why: Cause) -> None:
        """Take why, for the fact."""
        super().__init__(str(why))
        self.why = why


def known(fact: _Fact | Unknown) -> _Fact:
    """A fact that is decided.

    Raises:
        UndecidedError: it is not.
    """
    if isinstance(fact, Unknown):
        raise UndecidedError(fact.why)
    return fact


def or_unknown(decide: Callable[_Given, _Fact]) -> Callable[_Given, _Fact | Unknown]:
    """A function that gives a fact, or what it raises as undecided as an unknown one."""

    @wraps(decide)
    def decided(*given: _Given.args, **named: _Given.kwargs) -> _Fact | Unknown:
        try:
            return decide(*given, **named)
        except UndecidedError as error:
            return Unknown(error.why)

    return decided
