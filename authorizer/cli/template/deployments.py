"""What the deployments that a template allows make of it.

A template is read as its defaults have it, and again with each value that a deployment may choose
instead for whatever was looked at. Who decides about a route must be the same in all of them:
where it is not, it is unresolved. What else differs is left to who asks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import TYPE_CHECKING

from authorizer.cli.template.model import AuthorizerOf, Deployment, Unknown, Unresolved, in_order
from authorizer.cli.template.parameters import Choices
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from authorizer.cli.template.model import Api, Authorizer, Route, Template

# How often a template is read at most: those of people have a handful of choices that matter.
MOST_READINGS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What was chosen, with the choices that came up, and what that made of the template."""

    choices: Choices
    template: Template


def in_every_deployment(read: Callable[[Choices], Template]) -> Template:
    """A template by its defaults, with what other deployments make of it.

    Args:
        read: it, as something is chosen.
    """
    base = _read(read, {})
    found: list[Deployment] = []
    is_cut = False
    for reading in _further(read, base):
        if reading is None:
            is_cut = True
            continue
        known = (base.template, *(deployment.template for deployment in found))
        if not any(_are_alike(reading.template, template) for template in known):
            chosen = tuple(reading.choices.chosen.items())
            found.append(Deployment(chosen=chosen, template=reading.template))
    settled = _settled(base.template, found)
    return replace(settled, deployments=tuple(found), has_further_deployments=is_cut)


def _further(read: Callable[[Choices], Template], base: _Reading) -> Iterator[_Reading | None]:
    """Readings with one more choice than others, as far as it matters; nothing for too many."""
    left = MOST_READINGS
    waiting = deque([(base, frozenset[str]())])
    mattering: list[Mapping[str, str]] = []
    while waiting:
        reading, known = waiting.popleft()
        chosen, others = reading.choices.chosen, reading.choices.others
        for name, texts in others.items():
            for text in texts if name not in known and name not in chosen else ():
                if left == 0:
                    yield None
                    return
                left -= 1
                further = _read(read, {**chosen, name: text})
                if further.choices.is_impossible:
                    continue
                yield further
                if not _are_alike(further.template, base.template):
                    mattering.append(further.choices.chosen)
                waiting.append((further, known | others.keys()))
    for together in islice((*base.choices.together, *_together(mattering)), left):
        both = _read(read, together)
        if not both.choices.is_impossible:
            yield both


def _together(mattering: Sequence[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
    """What each two that matter choose, where they do not contradict each other."""
    for first, second in combinations(mattering, 2):
        if first.keys().isdisjoint(second):
            yield {**first, **second}


def _read(read: Callable[[Choices], Template], chosen: Mapping[str, str]) -> _Reading:
    choices = Choices(chosen)
    return _Reading(choices=choices, template=read(choices))


def _are_alike(first: Template, other: Template) -> bool:
    """Whether two readings have the same facts about who decides, and how long that is kept.

    What is unresolved does not count, nor which path a route has that somebody guards.
    """
    return (_guards(first), first.functions, first.doors) == (
        _guards(other),
        other.functions,
        other.doors,
    )


def _guards(template: Template) -> list[tuple[Api, list[tuple[object, ...]]]]:
    return [
        (
            replace(api, routes=()),
            [
                (
                    route.place,
                    route.authorizer,
                    route.backend,
                    route.shared_answers,
                    route.key if route.authorizer is None else "",
                )
                for route in api.routes
            ],
        )
        for api in template.apis
    ]


# --- who decides ---


def _settled(base: Template, others: Sequence[Deployment]) -> Template:
    """The base, unresolved where a deployment has another authorizer, or another behind it."""
    notes: list[Unresolved] = []
    apis = []
    for api in base.apis:
        named = [
            (deployment, theirs)
            for deployment in others
            for theirs in deployment.template.apis
            if theirs.id == api.id
        ]
        apis.append(_api(api, named, notes))
    return replace(base, apis=tuple(apis), unresolved=in_order((*base.unresolved, *notes)))


def _api(api: Api, named: Sequence[tuple[Deployment, Api]], notes: list[Unresolved]) -> Api:
    routes = {(one.place, one.key): one for one in api.routes}
    authorizers = {one.name: one for one in api.authorizers}
    for deployment, theirs in named:
        why = _words(deployment)
        for route in theirs.routes:
            at = route.place, route.key
            if at in routes:
                routes[at] = _route(routes[at], route, why, notes)
        for authorizer in theirs.authorizers:
            mine = authorizers.get(authorizer.name)
            if mine is not None:
                authorizers[mine.name] = _authorizer(mine, authorizer, why, notes)
    return replace(
        api,
        routes=tuple(routes[route.place, route.key] for route in api.routes),
        authorizers=tuple(authorizers.values()),
    )


def _route(own: Route, theirs: Route, why: str, notes: list[Unresolved]) -> Route:
    if isinstance(own.authorizer, Unknown) or own.authorizer == theirs.authorizer:
        return own
    notes.append(Unresolved(place=own.place, what=AuthorizerOf(own.key), why=why))
    return replace(own, authorizer=Unknown(why))


def _authorizer(
    own: Authorizer, theirs: Authorizer, why: str, notes: list[Unresolved]
) -> Authorizer:
    if not isinstance(own.kind, Unknown) and own.kind != theirs.kind:
        what = f"the kind of authorizer {own.name}"
        notes.append(Unresolved(place=own.place, what=what, why=why))
        own = replace(own, kind=Unknown(why))
    if not isinstance(own.function, Unknown) and own.function != theirs.function:
        notes.append(Unresolved(place=own.place, what=f"the function of {own.name}", why=why))
        own = replace(own, function=Unknown(why))
    return own


def _words(deployment: Deployment) -> str:
    return "it changes where " + " and ".join(
        f"{'' if name.startswith('AWS::') else 'parameter '}{name} is {clip(text)}"
        for name, text in deployment.chosen
    )
