"""Several stacks read as one, and which of their APIs is meant.

What one stack exports, outputs or hands down, another one uses.

A route that names its API by an import belongs to that API, if the template with the export is at
hand; so does one in a nested stack that was given the API's id. What stays open is left as it was.

A policy stands in front of one API. Where there are several, the user says which.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from authorizer.cli.policy_file.grammar import is_route_key
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    AuthorizerKind,
    Cause,
    Elsewhere,
    HiddenRoutes,
    Template,
    Unknown,
)
from authorizer.cli.template.parameters import Choices
from authorizer.cli.text import did_you_mean
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.paths import CONNECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


Key = tuple[str, ...]
_Function = TypeVar("_Function", str | Unknown, str | Unknown | None)
# More steps than any chain of outputs and parameters has.
_MOST_STEPS = 50


@dataclass(slots=True, kw_only=True, eq=False)
class Stack:
    """A template, and how it hangs together with others.

    Attributes:
        prefix: what its logical ids begin with among all.
        api_prefix: what those of its APIs begin with.
        outputs: where what stands under ``Outputs`` is, by name.
        exports: the same, by the name of the export; parts that are not known are ``*``.
        choices: what came up while a nested one was read.
    """

    template: Template
    prefix: str = ""
    api_prefix: str = ""
    outputs: Mapping[str, Key] = field(default_factory=dict)
    exports: Mapping[str, Key] = field(default_factory=dict)
    above: Stack | None = None
    nested: dict[str, Stack] = field(default_factory=dict)
    choices: Choices = field(default_factory=Choices)

    def all(self) -> list[Stack]:
        """Itself, and what is nested in it."""
        return [self, *(inner for each in self.nested.values() for inner in each.all())]


# A stack, and a logical id or an authorizer's name in it.
_Place = tuple[Stack, str]


def together(stacks: Sequence[Stack]) -> Template:
    """One template with everything of all, by the name of the first one's file."""
    return _Joint(stacks).template()


def join(templates: Sequence[Template]) -> Template:
    """One template with everything of all. One alone stays as it is.

    Functions get their file's name into their id: two templates may call different ones the same.
    What one imports from another is joined.
    """
    if len(templates) == 1:
        return templates[0]
    stacks = [_top_stack(template, template.file) for template in templates]
    deployments = [
        replace(
            deployment,
            template=together([*before, _top_stack(deployment.template, known.file), *after]),
        )
        for at, known in enumerate(templates)
        for before, after in [(stacks[:at], stacks[at + 1 :])]
        for deployment in known.deployments
    ]
    return replace(
        together(stacks),
        file=", ".join(template.file for template in templates),
        deployments=tuple(deployments),
        has_further_deployments=any(template.has_further_deployments for template in templates),
    )


def _top_stack(template: Template, file: str) -> Stack:
    return Stack(
        template=template,
        prefix=f"{file}#",
        exports={name: ("resource", found) for name, found in template.exports.items()},
    )


class _Joint:
    """The stacks while they are being joined."""

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._stacks = stacks
        # What a stack lacks, and another one has.
        self._linked: set[tuple[Stack, Cause]] = set()
        self._functions = {
            stack.prefix + each.id for stack in stacks for each in stack.template.functions
        }
        self._apis = [
            (stack, api, self._home(stack, api.elsewhere))
            for stack in stacks
            for api in stack.template.apis
        ]

    def template(self) -> Template:
        """Everything, with what belongs together in one place."""
        templates = [stack.template for stack in self._stacks]
        return Template(
            file=templates[0].file,
            apis=tuple(self._joined(stack, api) for stack, api, home in self._apis if home is None),
            pools=tuple(pool for template in templates for pool in template.pools),
            clients=tuple(client for template in templates for client in template.clients),
            groups=tuple(group for template in templates for group in template.groups),
            functions=tuple(
                replace(each, id=stack.prefix + each.id)
                for stack in self._stacks
                for each in stack.template.functions
            ),
            doors=tuple(
                replace(each, function=self._function(stack, each.function))
                for stack in self._stacks
                for each in stack.template.doors
                if self._home(stack, each.api) is None
            ),
            unresolved=tuple(
                fact
                for stack in self._stacks
                for fact in stack.template.unresolved
                if (stack, fact.why) not in self._linked
            ),
            constructs=dict(ChainMap(*(template.constructs for template in templates))),
            exports={
                name: place[0].prefix + place[1]
                for stack in self._stacks
                for name, key in stack.exports.items()
                if (place := self._find(stack, key)) is not None
            },
        )

    def _home(self, stack: Stack, elsewhere: Elsewhere | None) -> _Place | None:
        """The API that one which is elsewhere is."""
        found = self._behind(stack, elsewhere)
        for api in found[0].template.apis if found else ():
            if found and elsewhere and api.id == found[1] and api.elsewhere is None:
                self._linked.add((stack, elsewhere))
                return found
        return None

    def _behind(self, stack: Stack, why: Cause | None) -> _Place | None:
        """What is missing in a stack, where another template tells it."""
        return self._find(stack, why.key) if isinstance(why, Elsewhere) else None

    def _find(self, stack: Stack, key: Key, steps: int = _MOST_STEPS) -> _Place | None:
        """Where a key leads to: a stack, and a logical id in it."""
        found: list[tuple[Stack, Key]] = []
        match key:
            case "resource", name, *_:
                return stack, name
            case "up", *rest if stack.above is not None:
                found = [(stack.above, tuple(rest))]
            case "output", name, output, *_ if name in stack.nested:
                child = stack.nested[name]
                found = [(child, child.outputs[output])] if output in child.outputs else []
            case "import", wanted, *_:
                found = [
                    (other, target)
                    for other in self._stacks
                    for name, target in other.exports.items()
                    if fnmatchcase(name, wanted) or fnmatchcase(wanted, name)
                ]
        return self._find(*found[0], steps - 1) if len(found) == 1 and steps else None

    def _function(self, stack: Stack, function: _Function) -> str | _Function:
        """A function by its id among all, wherever it is."""
        if isinstance(function, str):
            return stack.prefix + function
        why = getattr(function, "why", None)
        found = self._behind(stack, why)
        name = found[0].prefix + found[1] if found else ""
        if why is None or name not in self._functions:
            return function
        self._linked.add((stack, why))
        return name

    def _joined(self, home: Stack, own: Api) -> Api:
        """An API with the routes and authorizers that other stacks add to it."""
        added = [(stack, api) for stack, api, place in self._apis if place == (home, own.id)]
        members = [(home, own), *added]
        known = {authorizer.name for authorizer in own.authorizers}
        # Others' go by names among all: of signed requests there is one kind only.
        names = {
            (stack, each.name): (
                each.name
                if api is own or each.kind is AuthorizerKind.IAM
                else stack.prefix + each.name
            )
            for stack, api in members
            for each in api.authorizers
        }
        return replace(
            own,
            id=home.api_prefix + own.id,
            is_complete=own.is_complete and not self._hides_routes({stack for stack, _ in added}),
            routes=tuple(
                replace(
                    route,
                    authorizer=self._authorizer(stack, route.authorizer, names),
                    backend=self._function(stack, route.backend),
                )
                for stack, api in members
                for route in api.routes
            ),
            authorizers=tuple(
                replace(
                    each,
                    name=names[stack, each.name],
                    function=self._function(stack, each.function),
                )
                for stack, api in members
                for each in api.authorizers
                if api is own or names[stack, each.name] not in known
            ),
        )

    def _hides_routes(self, stacks: set[Stack]) -> bool:
        """Whether stacks that add routes have more of which nothing else is known."""
        return any(
            isinstance(fact.what, HiddenRoutes) and (stack, fact.why) not in self._linked
            for stack in stacks
            for fact in stack.template.unresolved
        )

    def _authorizer(
        self, stack: Stack, asked: str | Unknown | None, names: Mapping[_Place, str]
    ) -> str | Unknown | None:
        """A route's authorizer by its name in the API, also where another stack has it."""
        if not isinstance(asked, Unknown):
            return asked and names.get((stack, asked), asked)
        found = self._behind(stack, asked.why)
        if found is None:
            return asked
        self._linked.add((stack, asked.why))
        return names.get(found, Unknown("its authorizer is one of another API"))


# --- the API that is meant ---


def chosen_api(template: Template, api: str | None = None) -> Api:
    """The API of that logical id, or the only one there is.

    Raises:
        ConfigurationError: there is no such API, or several and none was named.
    """
    by_id = {one.id: one for one in template.apis}
    if not by_id:
        raise ConfigurationError([f"{template.file}: expected an API, found none"])
    # Whoever names none means the template's own.
    in_file = [
        candidate
        for candidate in template.apis
        if candidate.elsewhere is None and "." not in candidate.id
    ]
    own = in_file or template.apis
    if api is None and len(own) == 1:
        return own[0]
    if api is None:
        raise ConfigurationError(
            [f"{template.file}: expected --api with one of {', '.join(by_id)}, found several APIs"]
        )
    if api not in by_id:
        hint = did_you_mean(api, by_id)
        raise ConfigurationError(
            [f"{template.file}: expected an API among {', '.join(by_id)}, found {clip(api)}{hint}"]
        )
    return by_id[api]


def known_routes(template: Template, api: str | None) -> list[str]:
    """Every route of an API that an authorizer can be asked about, sorted.

    Raises:
        ConfigurationError: there is no such API, or not all of its routes are known.
    """
    chosen = chosen_api(template, api)
    if not chosen.is_complete:
        problem = (
            f"{chosen.location}: expected an API whose routes are all in the file, found "
            f"{chosen.id} with routes that are not decidable; give the parameter a default, or "
            "write the route out"
        )
        whys = [f"{fact.location}: {fact.what}: {fact.why}" for fact in template.unresolved]
        raise ConfigurationError([problem, *whys])
    if chosen.kind is ApiKind.WEBSOCKET:
        return [CONNECT]
    routes = [route for route in chosen.routes if not route.is_preflight]
    problems = [
        f"{route.location}: expected a route whose segments are literal, {{name}} or, at the end, "
        f"{{name+}}, found {clip(route.key)}"
        for route in routes
        if not is_route_key(route.key)
    ]
    if problems:
        raise ConfigurationError(problems)
    return sorted({route.key for route in routes})
