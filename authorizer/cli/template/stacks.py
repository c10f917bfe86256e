"""Several stacks read as one: what one exports, outputs or hands down, and another one uses.

A route that names its API by an import belongs to that API, if the template with the export is at
hand; so does one in a nested stack that was given the API's id. What stays open is left as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from authorizer.cli.template.model import (
    Api,
    AuthorizerKind,
    Cause,
    Elsewhere,
    Route,
    Template,
    Unknown,
)
from authorizer.cli.template.parameters import Choices

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
        self._linked: set[tuple[int, Cause]] = set()
        self._functions = {
            stack.prefix + each.id for stack in stacks for each in stack.template.functions
        }
        self._apis: dict[tuple[int, str], Api] = {}

    def template(self) -> Template:
        """Everything, with what belongs together in one place."""
        apis = [(stack, api) for stack in self._stacks for api in stack.template.apis]
        found = [(*pair, self._home(pair[0], pair[1].elsewhere)) for pair in apis]
        for stack, api, home in sorted(found, key=lambda one: one[-1] is not None):
            if home is None:
                self._apis[id(stack), api.id] = self._own(stack, api)
            else:
                self._apis[home] = self._with(self._apis[home], stack, api)
        templates = [stack.template for stack in self._stacks]
        return Template(
            file=templates[0].file,
            apis=tuple(map(_with_known_authorizers, self._apis.values())),
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
                if (id(stack), fact.why) not in self._linked
            ),
            exports={
                name: place[0].prefix + place[1]
                for stack in self._stacks
                for name, key in stack.exports.items()
                if (place := self._find(stack, key)) is not None
            },
        )

    def _home(self, stack: Stack, elsewhere: Elsewhere | None) -> tuple[int, str] | None:
        """The API that one which is elsewhere is."""
        found = self._behind(stack, elsewhere)
        for api in found[0].template.apis if found else ():
            if found and elsewhere and api.id == found[1] and api.elsewhere is None:
                self._linked.add((id(stack), elsewhere))
                return id(found[0]), api.id
        return None

    def _behind(self, stack: Stack, why: Cause | None) -> tuple[Stack, str] | None:
        """What is missing in a stack, where another template tells it."""
        return self._find(stack, why.key) if isinstance(why, Elsewhere) else None

    def _find(self, stack: Stack, key: Key, steps: int = _MOST_STEPS) -> tuple[Stack, str] | None:
        """Where a key leads to: a stack, and a logical id in it."""
        kind, *rest = key
        if steps == 0:
            return None
        if kind == "resource":
            return stack, rest[0]
        if kind == "up" and stack.above is not None:
            return self._find(stack.above, tuple(rest), steps - 1)
        if kind == "output" and rest[0] in stack.nested:
            child = stack.nested[rest[0]]
            target = child.outputs.get(rest[1])
            return None if target is None else self._find(child, target, steps - 1)
        if kind != "import":
            return None
        found = [
            (other, target)
            for other in self._stacks
            for name, target in other.exports.items()
            if fnmatchcase(name, rest[0]) or fnmatchcase(rest[0], name)
        ]
        return self._find(*found[0], steps - 1) if len(found) == 1 else None

    def _own(self, stack: Stack, api: Api) -> Api:
        """An API with the ids that it and its functions have among all."""
        return replace(
            api,
            id=stack.api_prefix + api.id,
            routes=tuple(
                self._asked(stack, replace(route, backend=self._function(stack, route.backend)))
                for route in api.routes
            ),
            authorizers=tuple(
                replace(authorizer, function=self._function(stack, authorizer.function))
                for authorizer in api.authorizers
            ),
        )

    def _function(self, stack: Stack, function: _Function) -> str | _Function:
        """A function by its id among all, wherever it is."""
        if isinstance(function, str):
            return stack.prefix + function
        why = getattr(function, "why", None)
        found = self._behind(stack, why)
        name = found[0].prefix + found[1] if found else ""
        if why is None or name not in self._functions:
            return function
        self._linked.add((id(stack), why))
        return name

    def _with(self, home: Api, stack: Stack, api: Api) -> Api:
        """An API with the routes and authorizers that another stack adds to it."""
        own = self._own(stack, api)
        signed = {
            authorizer.name
            for authorizer in own.authorizers
            if authorizer.kind is AuthorizerKind.IAM
        }
        names = {authorizer.name for authorizer in own.authorizers} - signed
        known = {authorizer.name for authorizer in home.authorizers}
        return replace(
            home,
            routes=home.routes
            + tuple(
                replace(route, authorizer=stack.prefix + route.authorizer)
                if isinstance(route.authorizer, str) and route.authorizer in names
                else route
                for route in own.routes
            ),
            authorizers=home.authorizers
            + tuple(
                replace(authorizer, name=stack.prefix + authorizer.name)
                if authorizer.name in names
                else authorizer
                for authorizer in own.authorizers
                if authorizer.name not in known or authorizer.name in names
            ),
        )

    def _asked(self, stack: Stack, route: Route) -> Route:
        """A route whose authorizer another stack has, by that one's name among all."""
        asked = route.authorizer
        found = self._behind(stack, asked.why) if isinstance(asked, Unknown) else None
        if found is None or not isinstance(asked, Unknown):
            return route
        self._linked.add((id(stack), asked.why))
        return replace(route, authorizer=f"{found[0].prefix}\0{found[1]}")


def _with_known_authorizers(api: Api) -> Api:
    """With the names that authorizers of other stacks have here: as they are, or with a prefix."""
    names = {authorizer.name for authorizer in api.authorizers}
    return replace(api, routes=tuple(_with_known_authorizer(route, names) for route in api.routes))


def _with_known_authorizer(route: Route, names: set[str]) -> Route:
    if not (isinstance(route.authorizer, str) and "\0" in route.authorizer):
        return route
    prefix, _, name = route.authorizer.partition("\0")
    known = (candidate for candidate in (name, prefix + name) if candidate in names)
    unknown = Unknown("its authorizer is one of another API")
    return replace(route, authorizer=next(known, unknown))
