"""The compiled policy: the JSON that ships with the function, written at build time.

It mirrors ``policy.yaml`` line by line, each rule with the line it came from, so that a person
can read it and a log can name a rule. It is judged again when it is loaded: a file that was
edited by hand, or cut short, must not become a policy that grants something else.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authorizer.errors import ConfigurationError, clip
from authorizer.policy.model import Effect, Policy, Rule
from authorizer.policy.paths import (
    ANY,
    CONNECT,
    METHODS,
    MOST_SEGMENTS,
    RouteSyntaxError,
    parse_pattern,
    parse_route,
    split_route_key,
)
from authorizer.strict_json import JsonObject, NotStrictJsonError, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FORMAT_VERSION = 1
# What would be one in an ARN, and what no path contains.
_WILDCARD = re.compile(r"[*?\s\x00-\x1f]")


def load_policy(path: Path | str) -> Policy:
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


def parse_policy(data: bytes) -> Policy:
    """Read a compiled policy.

    Raises:
        ConfigurationError: with the first thing that does not fit.
    """
    try:
        return _read(parse_object(data), sha256(data).hexdigest()[:16])
    except (NotStrictJsonError, _NotCompiledError) as error:
        raise ConfigurationError(
            [f"expected a policy made by 'authorizer compile', found {error}"]
        ) from error


def dump_policy(document: JsonObject) -> bytes:
    """Write the compiled form: the same bytes for the same document, on every machine."""
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def include_closure(includes: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Each group with everything it includes, directly or not, and itself."""
    closure: dict[str, frozenset[str]] = {}
    for group in includes:
        found, waiting = {group}, [group]
        while waiting:
            new = set(includes[waiting.pop()]) - found
            found |= new
            waiting += new
        closure[group] = frozenset(found)
    return closure


class _NotCompiledError(ValueError):
    """The document is JSON, but not in the compiled form."""


def _read(document: JsonObject, digest: str) -> Policy:
    _require_names(document, {"version", "groups", "scopes", "public", "routes"}, "the document")
    if type(document["version"]) is not int or document["version"] != FORMAT_VERSION:
        raise _NotCompiledError(f"version {clip(document['version'])}, not {FORMAT_VERSION}")
    rules: list[Rule] = []
    includes: dict[str, tuple[str, ...]] = {}
    for group, body in _of_kind(dict, document["groups"]).items():
        _require_names(body, {"includes", "allow", "deny"}, f"group {clip(group)}")
        includes[group] = tuple(_texts(body["includes"]))
        rules += _rules(body, "allow", f"group:{group}")
        rules += _rules(body, "deny", f"group:{group}")
    for scope, body in _of_kind(dict, document["scopes"]).items():
        _require_names(body, {"allow"}, f"scope {clip(scope)}")
        rules += _rules(body, "allow", f"scope:{scope}")
    unknown = {name for names in includes.values() for name in names} - includes.keys()
    if unknown:
        raise _NotCompiledError(f"an included group that is not there: {clip(min(unknown))}")
    public = tuple(pattern for pattern, _ in _patterns(document["public"]))
    routes = None if document["routes"] is None else tuple(_texts(document["routes"]))
    for key in routes or ():
        if not is_route_key(key):
            raise _NotCompiledError(f"the route {clip(key)}")
    return Policy(
        rules=tuple(rules),
        groups=include_closure(includes),
        public=public,
        routes=routes,
        digest=digest,
    )


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


def _rules(body: JsonObject, effect: Effect, subject: str) -> Iterator[Rule]:
    for pattern, line in _patterns(body[effect]):
        yield Rule(effect=effect, subject=subject, pattern=pattern, line=line)


def _patterns(entries: object) -> Iterator[Any]:
    for entry in _of_kind(list, entries):
        _require_names(entry, {"rule", "line"}, "a rule")
        if type(entry["line"]) is not int or not isinstance(entry["rule"], str):
            raise _NotCompiledError(f"a rule that is {clip(entry)}")
        try:
            yield parse_pattern(entry["rule"]), entry["line"]
        except RouteSyntaxError as error:
            raise _NotCompiledError(f"the rule {clip(entry['rule'])}: {error}") from error


def _require_names(value: object, names: set[str], what: str) -> None:
    found = set(_of_kind(dict, value))
    if found != names:
        raise _NotCompiledError(
            f"{what} with the names {sorted(found)} where {sorted(names)} belong"
        )


def _of_kind(kind: type, value: object) -> Any:  # noqa: ANN401 - of that kind
    if not isinstance(value, kind):
        name = "an object" if kind is dict else "a list"
        raise _NotCompiledError(f"{clip(value)} where {name} belongs")
    return value


def _texts(value: object) -> list[str]:
    texts: list[str] = _of_kind(list, value)
    if not all(isinstance(text, str) for text in texts):
        raise _NotCompiledError(f"{clip(value)} where a list of names belongs")
    return texts
