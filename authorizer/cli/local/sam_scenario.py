"""The samples and the scenario in containers, and where ``sam local`` answers unlike AWS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from authorizer.cli.event.expected import Expected, read_index, status_of
from authorizer.cli.event.samples import load_sample
from authorizer.cli.local.api_client import ALLOWED, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from authorizer.cli.event.samples import Sample
    from authorizer.cli.event.sources import TokenSource
    from authorizer.cli.local.runtime import Invocation
    from authorizer.cli.local.sam import SamLocal
    from authorizer.cli.local.scenario import Case

_PREFLIGHT, _START_API_PREFLIGHT = 204, 200
_NOT_FOUND, _START_API_NOT_FOUND = 404, 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A sample, and what came of it."""

    name: str
    expected: Expected
    found: Expected


def invoke_samples(
    local: SamLocal, source: TokenSource, folder: Path, names: Iterable[str] | None = None
) -> Iterator[Replay]:
    """``sam local invoke`` for the samples, one after the other; all of them by default."""
    index = read_index(folder)
    for name in index if names is None else names:
        expected = index[name]
        sample = load_sample(folder, name)
        event = sample.filled(source.token, source.sub)
        yield replayed(sample, expected, event, local.invoke(sample.function, event))


def replayed(
    sample: Sample, expected: Expected, event: Mapping[str, Any], invocation: Invocation
) -> Replay:
    """An invocation, as a client and a reader of logs see it."""
    reasons = [reason_of(line) for line in invocation.log]
    reason = next((reason for reason in reasons if reason), None)
    found = Expected(status=status_of(invocation.answer, event), reason=reason)
    return Replay(name=sample.name, expected=expected, found=found)


def as_start_api_answers(case: Case) -> Case:
    """The case, with what start-api is known to answer where AWS answers otherwise.

    It remembers nothing, so that the authorizer is asked each time; it answers a method without a
    route as REST APIs do; and a preflight with 200.
    """
    remembered = case.authorization and case.reason is None and case.status != _NOT_FOUND
    status = {
        _PREFLIGHT: _START_API_PREFLIGHT,
        _NOT_FOUND: _START_API_NOT_FOUND,
    }.get(case.status, case.status)
    return replace(case, status=status, reason=ALLOWED if remembered else case.reason)
