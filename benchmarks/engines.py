"""The engines that need nothing but this package: ours, the floor, and regular expressions.

An engine turns a workload into its own source text, loads that (which is what loading time is
taken of), and makes of a request a question: a call without arguments, with all that can be
prepared before a request arrives already done. Where it cannot express a request, there is no
question, and the table says why; an engine is never given a task that it only seems to solve.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from authorizer.cli.policy_file import dump_policy
from authorizer.policy.decision import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.workload import Request, Workload

    _Match = Callable[[str], re.Match[str] | None]

_PARAMETER = re.compile(r"\{(?P<name>[^}=]+)(?:=(?P<claim>[^}]+))?\}")


class Loaded(Protocol):
    """An engine that holds a policy."""

    def question(self, request: Request) -> Callable[[], bool] | None:
        """A call that answers the request; nothing where the engine cannot express it."""
        ...


class Engine(Protocol):
    """A way to answer requests."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    @property
    def caveat(self) -> str:
        """What a reader has to know about its figures."""
        ...

    def source(self, workload: Workload) -> bytes:
        """The policy in the engine's own format."""
        ...

    def load(self, source: bytes) -> Loaded:
        """Make it ready for questions."""
        ...


def parameters_of(path: str) -> list[tuple[str, str | None]]:
    """The parameters of a rule's path, each with the claim that it must equal, if any."""
    return [(found["name"], found["claim"]) for found in _PARAMETER.finditer(path)]


def without_claims(path: str) -> str:
    """A rule's path with ``{name}`` for ``{name=claim}``."""
    return _PARAMETER.sub(r"{\g<name>}", path)


class Ours:
    """``Policy.decide``, given what API Gateway gives."""

    name = "**authorizer**"
    caveat = "`Policy.decide(...)`, with every argument that the Lambda passes"

    def source(self, workload: Workload) -> bytes:
        """The JSON that ``authorizer compile`` writes."""
        return dump_policy(workload.document())

    def load(self, source: bytes) -> Loaded:
        """What the Lambda does when it starts."""
        return _OurPolicy(Policy.parse(source))


class _OurPolicy:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def question(self, request: Request) -> Callable[[], bool]:
        decide = self.policy.decide
        method, route, path = request.method, request.route, request.path
        parameters, claims = request.parameters, request.claims
        groups, scopes = request.groups, request.scopes
        return lambda: (
            decide(
                method=method,
                route=route,
                path=path,
                path_parameters=parameters,
                groups=groups,
                scopes=scopes,
                claims=claims,
            ).allowed
        )


class Floor:
    """One look into a dict: the least that any answer costs, and far from a policy."""

    name = "dict lookup"
    caveat = (
        "`not table[f'{method} {template}'].isdisjoint(groups)`: the floor, and the unit of all "
        "ratios. No denies, no conditions, no concrete paths"
    )

    def source(self, workload: Workload) -> bytes:
        """Each route with the subjects that it is granted to."""
        table: dict[str, set[str]] = defaultdict(set)
        for line in workload.lines:
            parameters = parameters_of(line.path)
            expressible = line.effect == "allow" and line.method != "ANY"
            if expressible and not any(claim for _, claim in parameters):
                route = f"{line.method} {line.path}"
                table[route] |= {name.split(":", 1)[1] for name in workload.having(line.subject)}
        return json.dumps({route: sorted(names) for route, names in table.items()}).encode()

    def load(self, source: bytes) -> Loaded:
        """A dict of frozen sets."""
        table = {route: frozenset(names) for route, names in json.loads(source).items()}
        return _Table(table)


class _Table:
    def __init__(self, table: dict[str, frozenset[str]]) -> None:
        self.table = table

    def question(self, request: Request) -> Callable[[], bool] | None:
        # What the workload's denies and conditions are about is not in a table of grants.
        if request.route is None or "suspended" in request.groups or "/users/" in request.path:
            return None
        get, nobody = self.table.get, frozenset[str]()
        method, route, subjects = request.method, request.route, request.groups or request.scopes
        return lambda: not get(f"{method} {route}", nobody).isdisjoint(subjects)


class Regexes:
    """A list of compiled regular expressions, walked from its beginning to its end."""

    name = "list of regexes"
    caveat = (
        "compiled beforehand; method and groups are compared first, so that most rules cost no "
        "match. Judges the raw path: no route, no most specific one"
    )

    def source(self, workload: Workload) -> bytes:
        """A JSON list of effect, subjects, method and expression."""
        return json.dumps(
            [
                [line.effect, sorted(workload.having(line.subject)), line.method, _regex(line.path)]
                for line in workload.lines
            ]
        ).encode()

    def load(self, source: bytes) -> Loaded:
        """Compile every expression; ``re`` keeps a few hundred, which must not help."""
        re.purge()
        return _List(
            [
                (effect == "deny", frozenset(subjects), method, re.compile(expression).fullmatch)
                for effect, subjects, method, expression in json.loads(source)
            ]
        )


def _regex(path: str) -> str:
    plain, tail = path.removesuffix("/**"), path.endswith("/**")
    segments = [
        f"(?P<{found['claim'] or f'_{index}'}>[^/]+)" if found else re.escape(segment)
        for index, segment in enumerate(plain.split("/"))
        for found in [_PARAMETER.fullmatch(segment)]
    ]
    return "/".join(segments) + ("(?:/.*)?" if tail else "")


class _List:
    def __init__(self, rules: list[tuple[bool, frozenset[str], str, _Match]]) -> None:
        self.rules = rules

    def question(self, request: Request) -> Callable[[], bool]:
        subjects = {f"group:{group}" for group in request.groups}
        subjects |= {f"scope:{scope}" for scope in request.scopes}
        rules, methods = self.rules, {request.method, "ANY"}
        path, claims = request.path, request.claims

        def answer() -> bool:
            allowed = False
            for denies, having, method, match in rules:
                if method not in methods or having.isdisjoint(subjects):
                    continue
                found = match(path)
                if found and all(
                    name.startswith("_") or claims.get(name) == value
                    for name, value in found.groupdict().items()
                ):
                    if denies:
                        return False
                    allowed = True
            return allowed

        return answer
