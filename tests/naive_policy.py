"""The policy's semantics once more, written to be read and not to be fast.

It works on the text of the rules, shares no code with ``decide``, and answers only yes or no.
Where the two disagree, one of them is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_to_bytes

from authorizer.cli.policy_file import (
    compile_source,
    compiled_rule,
    dump_policy,
    read_source,
    with_routes,
)
from authorizer.policy.decision import Policy

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from authorizer.cli.location import Problem


def read_document(data: bytes) -> tuple[dict[str, Any], list[Problem]]:
    """What a policy.yaml compiles to, which is only good when the list of problems is empty."""
    source, problems = read_source(data)
    return compile_source(source), problems


def policy_of(text: str, routes: Sequence[str] | None = None) -> Policy:
    """The policy that a policy.yaml of that text, and an API with those routes, compile to."""
    document, problems = read_document(text.encode())
    assert problems == []
    return Policy.parse(dump_policy(document if routes is None else with_routes(document, routes)))


@dataclass(frozen=True, kw_only=True)
class Body:
    """One group's or scope's part of the file."""

    includes: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """What ``decide`` is asked."""

    method: str
    route: str | None
    path: str | None
    path_parameters: Mapping[str, str]
    groups: Sequence[str]
    scopes: Sequence[str]
    claims: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class NaivePolicy:
    """The file, as it would be written."""

    groups: Mapping[str, Body] = field(default_factory=dict)
    scopes: Mapping[str, Body] = field(default_factory=dict)
    public: tuple[str, ...] = ()
    routes: tuple[str, ...] | None = None

    def document(self) -> dict[str, Any]:
        """The compiled form; every rule on line 1, since lines decide nothing."""
        document = {
            "groups": {
                name: {
                    "includes": sorted(self._with_includes([name]) - {name}),
                    "allow": _on_line_1(body.allow),
                    "deny": _on_line_1(body.deny),
                }
                for name, body in self.groups.items()
            },
            "scopes": {
                name: {"allow": _on_line_1(body.allow), "deny": []}
                for name, body in self.scopes.items()
            },
            "public": _on_line_1(self.public),
            "routes": None,
            "callers": None,
        }
        return document if self.routes is None else with_routes(document, self.routes)

    def compiled(self) -> Policy:
        return Policy.parse(dump_policy(self.document()))

    def allows(self, asked: Question) -> bool:
        """Whether the caller may."""
        bodies = [self.groups[name] for name in self._with_includes(asked.groups)]
        has_user = {"username", "cognito:username", "cognito:groups"} & asked.claims.keys()
        subject = asked.claims.get("sub")
        machine = isinstance(subject, str) and subject == asked.claims.get("client_id")
        if machine and not asked.groups and not has_user:
            bodies += [self.scopes[name] for name in asked.scopes if name in self.scopes]
        allows = [rule for body in bodies for rule in body.allow]
        denies = [rule for body in bodies for rule in body.deny]
        if asked.route == "$connect":
            return _connects(allows) and not _connects(denies)
        if not re.fullmatch("[A-Z]{1,32}", asked.method):
            return False
        if asked.route in {None, "$default"} or str(asked.route).endswith("+}"):
            return self._allows_path(asked, allows, denies)
        return _allows_route(asked, allows, denies)

    def _with_includes(self, groups: Collection[str]) -> set[str]:
        known = {name for name in groups if name in self.groups}
        while True:
            more = known | {name for group in known for name in self.groups[group].includes}
            if more == known:
                return known
            known = more

    def _allows_path(
        self, asked: Question, allows: Collection[str], denies: Collection[str]
    ) -> bool:
        if asked.path is None or not is_plain(asked.path):
            return False
        values = segments_of(asked.path)
        known: list[str] = []
        if asked.route is not None and asked.route.endswith("+}"):
            known = _told_by(asked.route)
            if len(values) <= len(known) or not _fits(known, values[: len(known)]):
                return False

        def hits(rule: str, effect: str) -> bool:
            return (
                _covers_method(rule, asked.method)
                and _covers_path(rule, values)
                and _conditions_hold(rule, values, asked.claims, effect)
            )

        # Every place in the file that could answer for this path, whoever it is written for.
        places = [_shape(rule) for rule in self._places() if _covers_path(rule, values)]
        if self.routes is not None:
            matching = [
                route
                for route in self.routes
                if matches_path(route, values)
                and (route == "$default" or _covers_method(route, asked.method))
            ]
            if not matching:
                return False
            best = max(matching, key=_specificity)
            if asked.route is None and not is_greedy(best):
                return any(
                    hits(rule, "allow") and _covers_key(rule, best) for rule in allows
                ) and not any(
                    hits(rule, "deny") and (is_greedy(key) or _covers_key(rule, key))
                    for key in matching
                    if key == best or not _surely_beats(best, key)
                    for rule in denies
                )
            places += [[_hole(one) for one in _told_by(route)] for route in matching]
            known = known or _told_by(best)
        if any(hits(rule, "deny") for rule in denies):
            return False
        return any(
            hits(rule, "allow")
            and not any(_says_more(place, _shape(rule)) for place in places)
            and not _says_more([_hole(one) for one in known], _shape(rule), anywhere=True)
            for rule in allows
        )

    def _places(self) -> set[str]:
        bodies = (*self.groups.values(), *self.scopes.values())
        rules = {rule for body in bodies for rule in (*body.allow, *body.deny)}
        rules |= {rule for rule in self.public if not rule.endswith("/**")}
        return rules - {"$connect"}


def is_greedy(key: str) -> bool:
    return key == "$default" or key.endswith("+}")


def matches_path(key: str, values: Sequence[str]) -> bool:
    """Whether API Gateway could have matched a route, whatever its method, for a path."""
    if key in {"$default", "$connect"}:
        return key == "$default"
    known = segments_of(key.partition(" ")[2])
    if key.endswith("+}"):
        return len(values) >= len(known) and _fits(known[:-1], values)
    return len(values) == len(known) and _fits(known, values)


def _told_by(key: str) -> list[str]:
    """What a route tells of the path: segments, but for a greedy one."""
    segments = segments_of(key[key.find("/") :] if "/" in key else "")
    return [segment for segment in segments if not segment.endswith("+}")]


def _specificity(key: str) -> tuple[bool, list[int], bool]:
    """Literal before parameter before greedy, from the left; ``$default`` last."""
    ranks = [
        0 if segment.endswith("+}") else 1 if _is_parameter(segment) else 2
        for segment in segments_of(key.partition(" ")[2])
    ]
    return key != "$default", ranks, not key.startswith("ANY ")


def segments_of(path: str) -> list[str]:
    return [] if path in {"", "/"} else path[1:].split("/")


def is_plain(path: str) -> bool:
    """Whether every program reads the path in the same way."""
    if path != "/" and (
        not path.startswith("/") or {"", ".", ".."} & set(segments_of(path)) or path == ""
    ):
        return False
    for encoded in re.findall("%.{0,2}", path, re.DOTALL):
        if not re.fullmatch("%20|%[89a-fA-F][0-9a-fA-F]", encoded):
            return False
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    return not any(
        character in "\\;*?#{}"
        or character.isspace()
        or ord(character) < 32
        or 127 <= ord(character) < 160
        for character in path + unquote(path).replace(" ", "")
    )


def _allows_route(asked: Question, allows: Collection[str], denies: Collection[str]) -> bool:
    route = segments_of(asked.route or "")
    if asked.path is not None and not _is_path_of(asked.path, route, asked.path_parameters):
        return False
    values = [
        asked.path_parameters.get(segment[1:-1]) if _is_parameter(segment) else None
        for segment in route
    ]

    def hits(rule: str, effect: str) -> bool:
        return (
            _covers_method(rule, asked.method)
            and _covers_route(rule, route)
            and _conditions_hold(rule, values, asked.claims, effect)
        )

    return any(hits(rule, "allow") for rule in allows) and not any(
        hits(rule, "deny") for rule in denies
    )


def _on_line_1(rules: Collection[str]) -> list[dict[str, Any]]:
    return [compiled_rule(rule, 1) for rule in rules]


def _pattern(rule: str) -> list[str]:
    return segments_of(rule.partition(" ")[2].removesuffix("/**"))


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _hole(segment: str) -> str:
    return "{}" if _is_parameter(segment) else segment


def _shape(rule: str) -> list[str]:
    return [_hole(segment) for segment in _pattern(rule)]


def _covers_method(rule: str, method: str) -> bool:
    return bool({"ANY", method} & set(rule.partition(" ")[0].split(",")))


def _connects(rules: Collection[str]) -> bool:
    return bool({"$connect", "ANY /**"} & set(rules))


def _has_length_for(rule: str, count: int) -> bool:
    own = len(_pattern(rule))
    return own <= count if rule.endswith("/**") else own == count


def _covers_route(rule: str, route: Sequence[str]) -> bool:
    """A parameter covers a parameter, and a literal the same literal."""
    return _has_length_for(rule, len(route)) and all(
        own == _hole(theirs) for own, theirs in zip(_shape(rule), route, strict=False)
    )


def _surely_beats(key: str, other: str) -> bool:
    """Whether a route wins on every kind of API, of two that match the same request.

    It is literal wherever the other one is, and names the method if the other one does.
    """
    if other == "$default":
        return True
    own, theirs = (segments_of(one.partition(" ")[2]) for one in (key, other))
    return (not key.startswith("ANY ") or other.startswith("ANY ")) and all(
        _is_parameter(two) or one == two for one, two in zip(own, theirs, strict=False)
    )


def _covers_key(rule: str, key: str) -> bool:
    return _covers_route(rule, segments_of(key.partition(" ")[2]))


def _covers_path(rule: str, values: Sequence[str]) -> bool:
    return _has_length_for(rule, len(values)) and _fits(_pattern(rule), values)


def _fits(pattern: Sequence[str], values: Sequence[str]) -> bool:
    """A parameter covers any segment, and a literal the same one."""
    return all(
        _is_parameter(own) or own == value for own, value in zip(pattern, values, strict=False)
    )


def _conditions_hold(
    rule: str, values: Sequence[str | None], claims: Mapping[str, Any], effect: str
) -> bool:
    for index, segment in enumerate(_pattern(rule)):
        if not (_is_parameter(segment) and "=" in segment):
            continue
        claim, value = claims.get(segment[1:-1].partition("=")[2]), values[index]
        if not isinstance(claim, str):
            return False
        if effect == "allow" and (value != claim or "%" in claim):
            return False
        if effect == "deny" and value is not None and claim not in {value, unquote(value)}:
            return False
    return True


def _says_more(one: Sequence[str], other: Sequence[str], *, anywhere: bool = False) -> bool:
    """Whether ``one`` is literal where ``other`` has a parameter, at the first difference."""
    for left, right in zip(one, other, strict=False):
        if left != right and right == "{}":
            return True
        if left != right and not anywhere:
            return False
    return False


def _is_path_of(path: str, route: Sequence[str], parameters: Mapping[str, str]) -> bool:
    own = segments_of(path)
    if not path.startswith("/") or len(own) != len(route):
        return False
    for value, segment in zip(own, route, strict=True):
        if not _is_parameter(segment):
            if segment not in {value, unquote(value)}:
                return False
            continue
        expected = parameters.get(segment[1:-1], value)
        if not {value, unquote(value)} & {expected, unquote(expected)}:
            return False
    return True
