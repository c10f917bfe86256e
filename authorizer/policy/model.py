"""What a policy is made of: values, and the JSON that they ship as; see ``decision`` for the rest.

A rule is one line of ``policy.yaml``, ``METHOD[,METHOD] /path``. A segment of the path is literal,
``{name}`` (the route's own parameter at that place), or ``{name=claim}`` (the same, equal to that
claim of the caller); ``/**`` at the end stands for zero or more segments. There are no other
wildcards. The text is read when the policy is compiled; what ships is what was read.

A pattern covers a *route*, such as API Gateway's ``/users/{id}``, and a parameter covers a
parameter, whatever either is called: a rule for ``/users/{id}`` says nothing about a route
``/users/admin``.

``policy.json`` mirrors ``policy.yaml`` line by line, so that a person can read it and a log can
name a rule. Its first line seals all that follows: a file that was edited by hand, cut short or
made by another version is refused before anything of it is read. What is sealed was judged when it
was compiled, and not again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, get_args

from authorizer.errors import Reason
from authorizer.policy.paths import ANY, PARAMETER

FORMAT_VERSION = 4
Effect = Literal["allow", "deny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A path parameter must equal a claim.

    Attributes:
        position: index of the path segment, counted from 0.
        claim: name of the claim.
    """

    position: int
    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePattern:
    """What a rule covers.

    Attributes:
        text: as written.
        methods: those covered, or exactly ``{"ANY"}``.
        path: canonical segments, with ``PARAMETER`` for each parameter.
        tail: whether ``/**`` follows.
        conditions: parameters that must equal a claim.
    """

    text: str
    methods: frozenset[str]
    path: tuple[str, ...]
    tail: bool = False
    conditions: tuple[Condition, ...] = ()

    def covers_method(self, method: str) -> bool:
        """Whether a request's method is among those covered. ``GET`` does not imply ``HEAD``."""
        return method in self.methods or ANY in self.methods


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the policy.

    Attributes:
        effect: ``allow`` or ``deny``.
        subject: who it is for: ``group:<name>`` or ``scope:<name>``.
        pattern: what it covers.
        line: where it stands in ``policy.yaml``, counted from 1.
    """

    effect: Effect
    subject: str
    pattern: RoutePattern
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of the policy.

    Attributes:
        allowed: whether the caller may use the route.
        reason: why not; ``None`` when allowed.
        rule: the rule that decided, where one did; of several, the first in the file.
    """

    allowed: bool
    reason: Reason | None = None
    rule: Rule | None = None


def seal_of(rest: bytes) -> bytes:
    """The first line of a ``policy.json``, by all that follows it.

    A plain hash: it guards against a file that is stale, cut short or mended by hand, not against
    somebody who may write the file, and could as well change the rules.
    """
    return b'{"version": %d, "seal": "%s",\n' % (FORMAT_VERSION, sha256(rest).hexdigest().encode())


def opened(data: bytes) -> Any:  # noqa: ANN401 - JSON
    """The compiled document in a ``policy.json``, if that is as it was written.

    Raises:
        ValueError: it is not.
    """
    if not data.startswith(seal_of(data.partition(b"\n")[2])):
        raise ValueError("the seal is another file's")
    return json.loads(data)


def parse_pattern(rule: Mapping[str, Any]) -> RoutePattern:
    """What a rule covers.

    Args:
        rule: as the compiled policy has it: its text (``rule``), its ``methods``, the segments of
            its ``path`` with ``{name}`` for a parameter, whether everything below follows
            (``tail``), and which claims parameters must equal: ``{"{user}": "sub"}``.
    """
    path, equals = list(rule["path"]), rule["equals"].items()
    return RoutePattern(
        text=str(rule["rule"]),
        methods=frozenset(rule["methods"]),
        path=tuple(PARAMETER if segment.startswith("{") else segment for segment in path),
        tail=rule["tail"],
        conditions=tuple(
            Condition(position=path.index(segment), claim=claim) for segment, claim in equals
        ),
    )


def contents_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a policy is made with, by the compiled document; anything is raised where it is none."""
    return {
        "rules": tuple(
            Rule(
                effect=effect,
                subject=f"{kind}:{name}",
                pattern=parse_pattern(rule),
                line=int(rule["line"]),
            )
            for kind in ("group", "scope")
            for name, body in document[f"{kind}s"].items()
            for effect in get_args(Effect)
            for rule in body[effect]
        ),
        "groups": {
            group: frozenset({group, *body["includes"]})
            for group, body in document["groups"].items()
        },
        "public": tuple(map(parse_pattern, document["public"])),
        "routes": None if document["routes"] is None else tuple(document["routes"]),
        "callers": document["callers"],
        "digest": document["seal"][:16],
    }
