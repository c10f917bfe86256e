"""A finding: what is wrong, where, what it is about, and how that is said.

A rule states facts; the sentences come from ``catalogue.yaml``, and are put together here. Facts
are what they are, such as a rule or a route's key: how each is written is a specification in the
text, as in ``{route:key}``. Whatever has none is quoted and clipped, since it comes from a file.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

import yaml

from authorizer.cli.policy_file.source import SourceRule
from authorizer.cli.text import hint_at, quoted_key
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from authorizer.cli.location import Location
    from authorizer.cli.template.model import Authorizer

UNREADABLE_POLICY = "P101"
UNREADABLE_TEMPLATE = "T001"
# With these, nothing could be found out.
UNREADABLE = frozenset({UNREADABLE_POLICY, UNREADABLE_TEMPLATE})
GUESS_OF_ROUTES = "P205"
_CATALOGUE = Path(__file__).with_name("catalogue.yaml")
# Facts by which people know a finding again, and may accept it: names, and no sentences.
_SUBJECTS = frozenset(
    [
        "api",
        "authorizer",
        "claim",
        "client",
        "function",
        "group",
        "name",
        "other",
        "owner",
        "pool",
        "route",
        "routes",
        "rule",
        "setting",
    ]
)
_SHOWN = 40
_JUDGED = ("what tests name ({})", "each two of {} groups", "all {} together")
_INEXACT = {
    "path_decides": "a grant below a greedy route, where the path decides",
    "deny_compares_claim": "a deny that compares a claim",
    "routes_overlap": "routes that no document can tell apart",
    "too_large": "more grants than a document can hold",
}


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """By code: ``title``, ``severity``, ``message``, ``effect``, ``fix``, and some ``variants``."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries: dict[str, dict[str, Any]] = yaml.load(_CATALOGUE.read_bytes(), loader)  # noqa: S506
    return entries


def can_be_accepted(code: str) -> bool:
    """Whether a policy may accept this finding: not where something cannot be read at all."""
    is_final = code.startswith(("P1", "P4")) or code == UNREADABLE_TEMPLATE
    return not is_final and code in catalogue()


class Severity(StrEnum):
    """How bad it is. Only errors fail a plain ``check``; ``--strict`` fails on warnings, too."""

    ERROR = "error"
    WARNING = "warning"
    # What could not be decided offline, and therefore was not checked. Fails nothing.
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: stable, such as ``X201``.
        location: file, line and column.
        variants: of what the catalogue says of the code; none for the usual case.
        facts: by the names that the catalogue's texts have for them.
        construct: the path of the construct that CDK made it of, where it did.
    """

    code: str
    location: Location
    variants: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    construct: str = ""

    @classmethod
    def of(cls, code: str, location: Location, /, *variants: str, **facts: object) -> Finding:
        """A finding with its facts. Variants that are empty count for nothing."""
        return cls(
            code=code, location=location, variants=tuple(filter(None, variants)), facts=facts
        )

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return Severity(self._stated("severity"))

    @property
    def message(self) -> str:
        """What is wrong, naming what was found; lower case, one line, no full stop."""
        return self._rendered("message")

    @property
    def effect(self) -> str:
        """What happens to users if it is ignored, in one sentence."""
        return self._rendered("effect")

    @property
    def fix(self) -> str:
        """What to do, in one sentence."""
        return self._rendered("fix")

    @property
    def subject(self) -> frozenset[str]:
        """The names of what it is about, as they stand in the files."""
        named = (self.facts[name] for name in _SUBJECTS & self.facts.keys())
        inner = self.facts.get("finding")
        own = frozenset(name for fact in named for name in _names(fact))
        return own | inner.subject if isinstance(inner, Finding) else own

    def _stated(self, part: str) -> str:
        """What the catalogue has: of the first variant that has it, or of the code."""
        entry = catalogue()[self.code]
        changes = (entry["variants"][name] for name in self.variants)
        stated: str = ChainMap(*changes, entry)[part]
        return stated

    def _rendered(self, part: str) -> str:
        return _SENTENCES.vformat(self._stated(part), (), self.facts)


def _names(fact: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a rule states
    if isinstance(fact, str):
        yield fact
    elif isinstance(fact, tuple):
        yield from fact
    elif hasattr(fact, "pattern"):  # a rule, or a public line
        yield fact.pattern.text
        yield getattr(fact, "subject", "").partition(":")[2]
    elif hasattr(fact, "name"):  # such as an authorizer
        yield fact.name


class _Sentences(Formatter):
    """Puts facts into the catalogue's texts."""

    def format_field(self, value: Any, spec: str) -> str:  # noqa: ANN401 - as in the base class
        return SPECIFICATIONS[spec](value)


def _written(fact: object) -> str:
    """A fact of which nothing else is said."""
    if isinstance(fact, SourceRule):
        return f"{clip(fact.text)} of {_owner(fact)}"
    return "none" if fact is None else clip(fact)


def _owner(rule: SourceRule) -> str:
    kind, _, name = rule.subject.partition(":")
    return f"{kind} {clip(name)}" if name else "everybody"


def _pairs(chosen: Iterable[tuple[str, str]]) -> str:
    return " and ".join(f"{clip(name)} is {clip(text)}" for name, text in chosen)


def _judged(counts: Iterable[int]) -> str:
    judged = zip(_JUDGED, counts, strict=True)
    return ", ".join(text.format(count) for text, count in judged if count)


def _authorizer(authorizer: Authorizer | None) -> str:
    if authorizer is None or not isinstance(authorizer.kind, str):
        return "another authorizer"
    return f"{clip(authorizer.name)} of kind {authorizer.kind.value}"


_SENTENCES = _Sentences()
SPECIFICATIONS: dict[str, Callable[[Any], str]] = {
    "": _written,
    "and": " and ".join,
    "ascii": lambda name: ascii(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."),
    "authorizer": _authorizer,
    "first": lambda keys: quoted_key(keys[0]) + (f" and {len(keys) - 1} more" if keys[1:] else ""),
    "function": lambda name: (
        clip(name) if isinstance(name, str) else f"the function behind a route ({name.why})"
    ),
    "hint": hint_at,
    "inexact": lambda reason: _INEXACT.get(reason.value, reason.value),
    "judged": _judged,
    "key": quoted_key,
    "keys": lambda keys: ", ".join(map(quoted_key, keys)) or "no route that is readable",
    "lines": lambda rules: " and ".join(f"{clip(one.text)} (line {one.line})" for one in rules),
    "list": ", ".join,
    "others": lambda count: f"; others without one: {count}" if count else "",
    "owner": _owner,
    "pairs": _pairs,
    "plain": str,
    "value": lambda value: (
        clip(value) if isinstance(value, str) else f"one that is not decidable: {value.why}"
    ),
    "where": lambda chosen: f", where {_pairs(chosen)}," if chosen else "",
    "with": lambda methods: f" with {', '.join(methods)}" if methods else "",
}
