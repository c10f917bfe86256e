"""The compiled policy: the JSON that ships with the function, written at build time.

It mirrors ``policy.yaml`` line by line, each rule as the grammar of rules read it, with the line it
came from, so that a person can read it and a log can name a rule. It is judged again when it is
loaded: a file that was edited by hand, or cut short, must not become a policy that grants something
else. A rule's text is made of what is enforced, so that the two cannot disagree.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authorizer.errors import ConfigurationError, clip
from authorizer.policy.model import CompiledPolicy, Condition, Effect, RoutePattern, Rule
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    CONNECT_PATH,
    LITERAL,
    METHODS,
    MOST_SEGMENTS,
    PARAMETER,
    parse_route,
    split_route_key,
)
from authorizer.strict_json import JsonObject, NotStrictJsonError, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT_VERSION = 3
# The largest policy.yaml that is read, of the shortest rules, becomes less.
_MOST_BYTES = 32 * 1024 * 1024
# An object of these names, or (``str``) of any; a list of such items; or a plain value.
_RULE = {"line": int, "methods": [str], "path": [str], "tail": bool, "equals": {str: str}}
_CALLERS = {
    "seal": str,
    "subjects": {str: {"allow": int, "deny": int}},
    "parts": [
        {
            "glob": str,
            "values": {str: [str]},
            "whole": int,
            "within": int,
            "hits": int,
        }
    ],
    "words": [str],
    "folds": [{"glob": str, "parts": int, "hits": int, "subjects": [str]}],
    "denies": [{"glob": str, "takes": int, "covers": int}],
    "granted_by": [int],
    "spare": int,
    "wanted": int,
    "shared": int,
    "below": [{"subject": str, "unless": [str]}],
    "compared": [{"subject": str, "claims": [str], "parts": int}],
}
_DOCUMENT = {
    "version": int,
    "groups": {str: {"includes": [str], "allow": [_RULE], "deny": [_RULE]}},
    "scopes": {str: {"allow": [_RULE]}},
    "public": [_RULE],
    "routes": [str],
    "callers": _CALLERS,
}
# What may be missing: the routes of the API, and what is worked out from them.
_OPTIONAL = ("routes", "callers")
# What of the table of callers has globs, and how a caller's value is written there.
_WITH_GLOBS = ("parts", "folds", "denies")
CLAIM = re.compile(r"\{([^}]+)\}")
_KINDS = {dict: "an object", list: "a list", str: "text", int: "a number", bool: "true or false"}
_METHODS = frozenset(METHODS)
_SEGMENT = re.compile(rf"{LITERAL}|\{{[A-Za-z0-9._-]+\}}")
# What would be one in an ARN, and what no path contains.
_WILDCARD = re.compile(r"[*?\s\x00-\x1f]")


def load_policy(path: Path | str) -> CompiledPolicy:
    """Read a compiled policy from a file.

    Raises:
        ConfigurationError: for a file that is missing or not a compiled policy.
    """
    try:
        return parse_policy(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError([f"{path}: cannot be read: {reason}"]) from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {problem}" for problem in error.problems) from error


def parse_policy(data: bytes) -> CompiledPolicy:
    """Read a compiled policy.

    Raises:
        ConfigurationError: with the first thing that does not fit.
    """
    if len(data) > _MOST_BYTES:
        raise ConfigurationError([f"expected at most {_MOST_BYTES} bytes, found {len(data)}"])
    try:
        return _read(parse_object(data), sha256(data).hexdigest()[:16])
    except (NotStrictJsonError, _NotCompiledError) as error:
        raise ConfigurationError(
            [f"expected a policy made by 'authorizer compile', found {error}"]
        ) from error


def parse_pattern(rule: Mapping[str, Any]) -> RoutePattern:
    """What a rule covers.

    Args:
        rule: as the compiled policy has it: its ``methods``, the segments of its ``path`` with
            ``{name}`` for a parameter, whether everything below follows (``tail``), and which
            claims parameters must equal: ``{"{user}": "sub"}``.
    """
    methods, path, equals = frozenset(rule["methods"]), tuple(rule["path"]), rule["equals"]
    positions = {segment: at for at, segment in enumerate(path) if segment.startswith("{")}
    is_connect = path == CONNECT_PATH and methods == {ANY} and not rule["tail"]
    # What a literal may not be could open other paths in an ARN: all of it is judged again.
    fits = {
        "methods": (methods == {ANY} or (methods and methods <= _METHODS))
        and len(methods) == len(rule["methods"]),
        "path": (is_connect or all(map(_SEGMENT.fullmatch, path)))
        and len(path) <= MOST_SEGMENTS
        and "".join(path).count("{") == len(positions),
        "equals": equals.keys() <= positions.keys() and "" not in equals.values(),
    }
    if not all(fits.values()):
        name = next(name for name, is_good in fits.items() if not is_good)
        where = f"the rule of line {rule.get('line')}"
        raise _NotCompiledError(f"{clip(rule[name])} as {name} of {where}")
    written = [f"{one[:-1]}={equals[one]}}}" if one in equals else one for one in path]
    ending = "/**" if rule["tail"] else ""
    text = f"{','.join(rule['methods'])} {''.join(f'/{one}' for one in written) + ending or '/'}"
    return RoutePattern(
        text=CONNECT if is_connect else text,
        methods=methods,
        path=tuple(PARAMETER if segment in positions else segment for segment in path),
        tail=rule["tail"],
        conditions=tuple(
            Condition(position=positions[segment], claim=claim) for segment, claim in equals.items()
        ),
    )


def seal_of(document: Mapping[str, Any]) -> str:
    """What binds the table of callers to the rules and the routes that it was made of.

    A plain hash: it guards against a table that is stale, cut short or mended by hand, not against
    somebody who may write the file, and could as well change the rules.
    """
    unsealed = {**document, "callers": {**document["callers"], "seal": ""}}
    return sha256(json.dumps(unsealed, sort_keys=True).encode()).hexdigest()


def is_route_key(key: str) -> bool:
    """Whether it is a route as API Gateway names it: ``GET /users/{id}``, ``$default``."""
    method, path = split_route_key(key)
    if not method:
        return path in {"$default", CONNECT}
    return (
        method in {*METHODS, ANY}
        and path.startswith("/")
        and path.count("/") <= MOST_SEGMENTS
        and _WILDCARD.search(path) is None
        and parse_route(path) is not None
    )


class _NotCompiledError(ValueError):
    """The document is JSON, but not in the compiled form."""


def _read(document: JsonObject, digest: str) -> CompiledPolicy:
    version = document.get("version", FORMAT_VERSION)
    if type(version) is not int or version != FORMAT_VERSION:
        raise _NotCompiledError(
            f"version {clip(version)}, not {FORMAT_VERSION}: run 'authorizer compile' again, "
            "with the --template that it had"
        )
    callers = document.get("callers")
    # First: what somebody else made may be large, and each value of it is judged below.
    if callers is not None and (
        document.get("routes") is None
        or type(callers) is not dict
        or callers.get("seal") != seal_of(document)
    ):
        raise _NotCompiledError(
            "a table of callers made from other rules or routes: run 'authorizer compile' again, "
            "with the --template that it had"
        )
    missing = {name for name in _OPTIONAL if document.get(name, ()) is None}
    _require(
        {name: value for name, value in document.items() if name not in missing},
        {name: kind for name, kind in _DOCUMENT.items() if name not in missing},
        "the document",
    )
    effects: tuple[Effect, ...] = ("allow", "deny")
    rules = [
        Rule(
            effect=effect, subject=f"{kind}:{name}", pattern=parse_pattern(rule), line=rule["line"]
        )
        for kind in ("group", "scope")
        for name, body in document[f"{kind}s"].items()
        for effect in effects
        for rule in body.get(effect, ())  # no scope denies
    ]
    claims = {condition.claim for rule in rules for condition in rule.pattern.conditions}
    rows = (row for name in _WITH_GLOBS for row in (callers or {}).get(name, ()))
    if not claims.issuperset(CLAIM.findall("/".join(row["glob"] for row in rows))):
        raise _NotCompiledError("a table of callers with a claim that no rule compares")
    groups = {
        group: frozenset({group, *body["includes"]}) for group, body in document["groups"].items()
    }
    unknown = frozenset().union(*groups.values()) - groups.keys()
    if unknown:
        raise _NotCompiledError(f"an included group that is not there: {clip(min(unknown))}")
    for key in document["routes"] or ():
        if not is_route_key(key):
            raise _NotCompiledError(f"the route {clip(key)}")
    return CompiledPolicy(
        rules=tuple(rules),
        groups=groups,
        public=tuple(map(parse_pattern, document["public"])),
        routes=None if document["routes"] is None else tuple(document["routes"]),
        callers=callers,
        digest=digest,
    )


def _require(value: Any, shape: Any, where: str) -> None:  # noqa: ANN401 - JSON, and its shape
    kind = shape if isinstance(shape, type) else type(shape)
    if type(value) is not kind or (type(value) is int and value < 0):
        raise _NotCompiledError(f"{clip(value)} where {_KINDS[kind]} belongs, at {where}")
    if isinstance(value, list):
        for at, item in enumerate(value):
            _require(item, shape[0], f"{where}/{at}")
    elif isinstance(value, dict):
        if str not in shape and value.keys() != shape.keys():
            raise _NotCompiledError(
                f"the names {sorted(value)} where {sorted(shape)} belong, at {where}"
            )
        for name, part in value.items():
            _require(part, shape[str if str in shape else name], f"{where}/{name}")
