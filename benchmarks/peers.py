"""Two policy engines from PyPI, each as its own documentation would have it, where installed.

Both get an advantage that a Lambda could not give them: the caller is known before the request.
Casbin has the caller's groups as role links, and Cedar has the caller as parsed entities.
"""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks.engines import parameters_of, without_claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.engines import Engine, Loaded
    from benchmarks.workload import Line, Request, Workload

_MODEL = """
[request_definition]
r = sub, obj, act, own

[policy_definition]
p = sub, obj, act, own, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = (p.act == r.act || p.act == "ANY") && g(r.sub, p.sub) && {match}(r.obj, p.obj) \
&& (p.own == "-" || {get}(r.obj, p.obj, p.own) == r.own)
"""


def peers() -> tuple[list[Engine], list[str]]:
    """The engines that are installed, and the names of the packages that are not."""
    known: dict[str, list[Engine]] = {
        "casbin": [Casbin("keyMatch4"), Casbin("keyMatch2")],
        "cedarpy": [Cedar()],
    }
    missing = [package for package in known if find_spec(package) is None]
    return [one for name, some in known.items() if name not in missing for one in some], missing


class Casbin:
    """pycasbin with one of its path matchers, and deny overriding allow."""

    def __init__(self, match: str) -> None:
        """Choose the matcher: ``keyMatch4`` or ``keyMatch2``."""
        self.match = match
        self.name = f"pycasbin, {match}"
        self.caveat = (
            "the caller's groups are role links, loaded beforehand; method and role are compared "
            "before the path. Judges the raw path; its `/*` does not cover the path above it"
        )

    def source(self, workload: Workload) -> bytes:
        """Its CSV. Inclusion is a role that has a role."""
        rows = [_casbin_row(line, colons=self.match == "keyMatch2") for line in workload.lines]
        rows += [
            f"g, group:{group}, group:{included}"
            for group, names in workload.includes.items()
            for included in names
        ]
        return "\n".join(rows).encode()

    def load(self, source: bytes) -> Loaded:
        """An enforcer, as from a policy file."""
        casbin = import_module("casbin")
        operators = import_module("casbin.util")
        adapters = import_module("casbin.persist.adapters.string_adapter")
        get = self.match.replace("Match4", "Get3").replace("Match2", "Get2")
        model = casbin.Enforcer.new_model(text=_MODEL.format(match=self.match, get=get))
        enforcer = casbin.Enforcer(model, adapters.StringAdapter(source.decode()))
        enforcer.enable_auto_save(auto_save=False)
        enforcer.add_function(get, getattr(operators, get.replace("keyGet", "key_get")))
        return _Enforcer(enforcer)


def _casbin_row(line: Line, *, colons: bool) -> str:
    path = without_claims(line.path).replace("/**", "/*")
    if colons:
        path = path.replace("{", ":").replace("}", "")
    own = next((name for name, claim in parameters_of(line.path) if claim), "-")
    return f"p, {line.subject}, {path}, {line.method}, {own}, {line.effect}"


class _Enforcer:
    def __init__(self, enforcer: Any) -> None:  # noqa: ANN401 - it ships no types
        self.enforcer = enforcer

    def question(self, request: Request) -> Callable[[], bool]:
        subjects = [f"group:{group}" for group in request.groups]
        subjects += [f"scope:{scope}" for scope in request.scopes]
        caller = "caller:" + "+".join(subjects)
        for subject in subjects:
            self.enforcer.add_grouping_policy(caller, subject)
        enforce, sub = self.enforcer.enforce, request.claims["sub"]
        path, method = request.path, request.method
        return lambda: bool(enforce(caller, path, method, sub))


class Cedar:
    """Cedar's own Rust engine through cedarpy, with policies and entities parsed beforehand."""

    name = "cedarpy, prepared"
    caveat = (
        "a parsed `PolicySet`, and the caller as parsed `Entities`; routes are resources. Cannot "
        "express a concrete path: `like` has one wildcard, and it crosses `/`"
    )

    def source(self, workload: Workload) -> bytes:
        """Its policy text. Inclusion is not part of it, but of the entities."""
        groups = {group: sorted(names) for group, names in workload.includes.items()}
        policies = "\n".join(_cedar_policy(line) for line in workload.lines)
        return f"// {json.dumps(groups)}\n{policies}".encode()

    def load(self, source: bytes) -> Loaded:
        """A policy set."""
        cedarpy = import_module("cedarpy")
        includes = json.loads(source.partition(b"\n")[0].removeprefix(b"// "))
        return _PolicySet(cedarpy, cedarpy.PolicySet.from_str(source.decode()), includes)


def _cedar_policy(line: Line) -> str:
    effect = {"allow": "permit", "deny": "forbid"}[line.effect]
    kind, _, name = line.subject.partition(":")
    principal = f"principal in {kind.title()}::{json.dumps(name)}"
    action = "action" if line.method == "ANY" else f'action == Action::"{line.method}"'
    if line.path.endswith("/**"):
        above, below = json.dumps(line.path[:-3]), json.dumps(line.path[:-1])
        when = f" when {{ context.path == {above} || context.path like {below} }}"
        return f"{effect} ({principal}, {action}, resource){when};"
    # Cedar has no names for the parameters of a resource, so they are told apart by place.
    resource = f"resource == Route::{json.dumps(_by_place(line.path))}"
    conditions = [
        f'context.parameters has "{place}" && context.parameters["{place}"] == context.{claim}'
        for place, (_, claim) in enumerate(parameters_of(line.path))
        if claim
    ]
    when = f" when {{ {' && '.join(conditions)} }}" if conditions else ""
    return f"{effect} ({principal}, {action}, {resource}){when};"


def _by_place(path: str) -> str:
    for place, (name, _) in enumerate(parameters_of(path)):
        path = without_claims(path).replace(f"{{{name}}}", f"{{{place}}}", 1)
    return path


class _PolicySet:
    def __init__(self, cedarpy: Any, policies: Any, includes: dict[str, list[str]]) -> None:  # noqa: ANN401 - the package need not be installed
        self.cedarpy = cedarpy
        self.policies = policies
        self.groups = [
            {"uid": _uid("Group", group), "attrs": {}, "parents": _uids("Group", names)}
            for group, names in includes.items()
        ]

    def question(self, request: Request) -> Callable[[], bool] | None:
        if request.route is None:
            return None
        caller = {
            "uid": _uid("User", request.claims["sub"]),
            "attrs": {},
            "parents": _uids("Group", request.groups) + _uids("Scope", request.scopes),
        }
        entities = self.cedarpy.Entities.from_json_str(json.dumps([caller, *self.groups]))
        places = {str(place): value for place, value in enumerate(request.parameters.values())}
        context = {"path": request.path, "sub": request.claims["sub"], "parameters": places}
        question = {
            "principal": caller["uid"],
            "action": _uid("Action", request.method),
            "resource": _uid("Route", _by_place(request.route)),
            "context": json.dumps(context),
        }
        ask, policies = self.cedarpy.is_authorized, self.policies
        return lambda: bool(ask(question, policies, entities).allowed)


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _uids(kind: str, names: Iterable[str]) -> list[dict[str, str]]:
    return [_uid(kind, name) for name in names]
