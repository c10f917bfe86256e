"""What the deployments that a template allows make of it.

A template is read as its defaults have it, and again with each value that a deployment may choose
instead for whatever was looked at. Who decides about a route must be the same in all of them:
where it is not, it is unresolved. What else differs is left to who asks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import chain, combinations, islice
from typing import TYPE_CHECKING, Any, TypeVar

from authorizer.cli.template.model import (
    Api,
    Authorizer,
    AuthorizerOf,
    Deployment,
    Missing,
    Route,
    Template,
    Unknown,
    Unresolved,
    in_order,
)
from authorizer.cli.template.parameters import Choices
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


_Deciding = TypeVar("_Deciding", Route, Authorizer)
# What was chosen, with the choices that came up, and what that made of the template.
_Reading = tuple[Choices, Template]
# How often a template is read at most: those of people have a handful of choices that matter.
MOST_READINGS = 100


def in_every_deployment(read: Callable[[Choices], Template]) -> Template:
    """A template by its defaults, with what other deployments make of it.

    Args:
        read: it, as something is chosen.
    """
    base = _read(read, {})
    _, own = base
    readings = list(_further(read, base))
    known = [_decisive(own)]
    found: list[Deployment] = []
    for choices, template in filter(None, readings):
        if _decisive(template) not in known:
            known.append(_decisive(template))
            found.append(Deployment(chosen=tuple(choices.chosen.items()), template=template))
    is_cut = None in readings
    return replace(_settled(own, found), deployments=tuple(found), has_further_deployments=is_cut)


def _further(read: Callable[[Choices], Template], base: _Reading) -> Iterator[_Reading | None]:
    """Readings with one more choice than others, as far as it matters; nothing for too many."""
    left = MOST_READINGS
    waiting = deque([(base, frozenset[str]())])
    mattering: list[Mapping[str, str]] = []
    while waiting:
        (choices, _), known = waiting.popleft()
        chosen, others = choices.chosen, choices.others
        new = others.keys() - known - chosen.keys()
        for name, text in ((one, text) for one in others if one in new for text in others[one]):
            if left == 0:
                yield None
                return
            left -= 1
            further = _read(read, {**chosen, name: text})
            if not further[0].is_impossible:
                yield further
                if _decisive(further[1]) != _decisive(base[1]):
                    mattering.append(further[0].chosen)
                waiting.append((further, known | others.keys()))
    # What each two that matter choose, where they do not contradict each other.
    pairs = (
        {**first, **second}
        for first, second in combinations(mattering, 2)
        if first.keys().isdisjoint(second)
    )
    together = (_read(read, both) for both in islice(chain(base[0].together, pairs), left))
    yield from (reading for reading in together if not reading[0].is_impossible)


def _read(read: Callable[[Choices], Template], chosen: Mapping[str, str]) -> _Reading:
    choices = Choices(dict(chosen))
    return choices, read(choices)


def _decisive(template: Template) -> tuple[object, ...]:
    """The facts about who decides, and how long that is kept.

    What is unresolved does not count, nor which path a route has that somebody guards.
    """
    apis = [
        (
            replace(api, routes=()),
            [
                (
                    route.location,
                    route.authorizer,
                    route.backend,
                    route.shared_answers,
                    route.cache_keys,
                    route.key if route.authorizer is None else "",
                )
                for route in api.routes
            ],
        )
        for api in template.apis
    ]
    return apis, template.functions, template.doors


# --- who decides ---


def _settled(base: Template, others: Sequence[Deployment]) -> Template:
    """The base, unresolved where a deployment has another authorizer, or another behind it."""
    notes: list[Unresolved] = []
    apis = {
        # Of several stacks' authorizers with one name the last.
        api.id: replace(api, authorizers=tuple({one.name: one for one in api.authorizers}.values()))
        for api in base.apis
    }
    for deployment in others:
        for theirs in deployment.template.apis:
            if theirs.id in apis:
                apis[theirs.id] = _api(apis[theirs.id], theirs, _words(deployment), notes)
    settled = tuple(apis.values())
    return replace(base, apis=settled, unresolved=in_order((*base.unresolved, *notes)))


def _api(own: Api, theirs: Api, why: str, notes: list[Unresolved]) -> Api:
    routes = {(route.location, route.key): route for route in theirs.routes}

    def settled(mine: _Deciding, other: _Deciding | None) -> _Deciding:
        """A route or an authorizer, with what is not the same there unknown."""
        for name, what in _facts_of(mine) if other is not None else ():
            value = getattr(mine, name)
            if not isinstance(value, Unknown) and value != getattr(other, name):
                notes.append(Unresolved(location=mine.location, what=what, why=why))
                changed: dict[str, Any] = {name: Unknown(why)}
                mine = replace(mine, **changed)
        return mine

    return replace(
        own,
        routes=tuple(settled(one, routes.get((one.location, one.key))) for one in own.routes),
        authorizers=tuple(settled(one, theirs.authorizer(one.name)) for one in own.authorizers),
    )


def _facts_of(deciding: Route | Authorizer) -> tuple[tuple[str, Missing], ...]:
    """What says who decides: the names of fields, and which facts these are."""
    if isinstance(deciding, Route):
        return (("authorizer", AuthorizerOf(deciding.key)),)
    kind = f"the kind of authorizer {deciding.name}"
    return ("kind", kind), ("function", f"the function of {deciding.name}")


def _words(deployment: Deployment) -> str:
    return "it changes where " + " and ".join(
        f"{'' if name.startswith('AWS::') else 'parameter '}{name} is {clip(text)}"
        for name, text in deployment.chosen
    )
