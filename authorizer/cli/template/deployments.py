"""What the deployments that a template allows make of it.

A template is read as its defaults have it, and again with each value that a deployment may choose
instead for whatever was looked at. Who decides about a route must be the same in all of them:
where it is not, it is unresolved. What else differs is left to who asks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authorizer.cli.template.model import AuthorizerOf, Deployment, Unknown, Unresolved
from authorizer.cli.template.parameters import Choices
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from authorizer.cli.location import Location
    from authorizer.cli.template.model import Api, Authorizer, Route, Template

# How often a template is read at most: those of people have a handful of choices that matter.
MOST_READINGS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A reading: what was chosen, what it made, and the choices that came up.

    Attributes:
        is_cut: whether there are more deployments than are read.
    """

    chosen: Mapping[str, str]
    template: Template
    others: Mapping[str, Sequence[str]]
    together: Sequence[Mapping[str, str]]
    is_impossible: bool
    is_cut: bool = False


def in_every_deployment(read: Callable[[Choices], Template]) -> Template:
    """A template by its defaults, with what other deployments make of it.

    Args:
        read: it, as something is chosen.
    """
    readings = _readings(read)
    base = next(readings)
    found: list[Deployment] = []
    for one in readings:
        if one.is_cut:
            base = one
        elif not any(_are_alike(one.template, known.template) for known in found):
            chosen = tuple(one.chosen.items())
            found.append(Deployment(chosen=chosen, template=one.template))
    others = [one for one in found if not _are_alike(one.template, base.template)]
    settled = _settled(base.template, others)
    return replace(settled, deployments=tuple(others), has_further_deployments=base.is_cut)


def _readings(read: Callable[[Choices], Template]) -> Iterator[_Reading]:
    """The reading by the defaults, then those with one more choice, as far as it matters."""
    base = _read(read, {})
    yield base
    left = MOST_READINGS
    waiting = deque([(base, frozenset[str]())])
    mattering: list[Mapping[str, str]] = []
    while waiting:
        one, known = waiting.popleft()
        for name, texts in one.others.items():
            for text in texts if name not in known and name not in one.chosen else ():
                if left == 0:
                    yield replace(base, is_cut=True)
                    return
                left -= 1
                further = _read(read, {**one.chosen, name: text})
                if further.is_impossible:
                    continue
                yield further
                if not _are_alike(further.template, base.template):
                    mattering.append(further.chosen)
                waiting.append((further, known | one.others.keys()))
    for chosen in (*base.together, *_together(mattering)):
        if left == 0:
            return
        left -= 1
        both = _read(read, chosen)
        if not both.is_impossible:
            yield both


def _together(mattering: Sequence[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
    """What each two that matter choose, where they do not contradict each other."""
    for at, one in enumerate(mattering):
        for other in mattering[at + 1 :]:
            if one.keys().isdisjoint(other):
                yield {**one, **other}


def _read(read: Callable[[Choices], Template], chosen: Mapping[str, str]) -> _Reading:
    choices = Choices(chosen)
    template = read(choices)
    others = {name: tuple(texts) for name, texts in choices.others.items()}
    return _Reading(
        chosen=chosen,
        template=template,
        others=others,
        together=choices.together,
        is_impossible=choices.is_impossible,
    )


def _are_alike(one: Template, other: Template) -> bool:
    """Whether two readings have the same facts about who decides, and how long that is kept.

    What is unresolved does not count, nor which path a route has that somebody guards.
    """
    return (_guards(one), one.functions, one.doors) == (
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
                    one.place,
                    one.authorizer,
                    one.backend,
                    one.shared_answers,
                    one.key if one.authorizer is None else "",
                )
                for one in api.routes
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
            (one, theirs) for one in others for theirs in one.template.apis if theirs.id == api.id
        ]
        apis.append(_api(api, named, notes))
    unresolved = tuple(sorted({*base.unresolved, *notes}, key=lambda one: (one.place, one.what)))
    return replace(base, apis=tuple(apis), unresolved=unresolved)


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
        routes=tuple(routes[one.place, one.key] for one in api.routes),
        authorizers=tuple(authorizers.values()),
    )


def _route(own: Route, theirs: Route, why: str, notes: list[Unresolved]) -> Route:
    if isinstance(own.authorizer, Unknown) or own.authorizer == theirs.authorizer:
        return own
    notes.append(_note(own.place, AuthorizerOf(own.key), why))
    return replace(own, authorizer=Unknown(why))


def _authorizer(
    own: Authorizer, theirs: Authorizer, why: str, notes: list[Unresolved]
) -> Authorizer:
    if not isinstance(own.kind, Unknown) and own.kind != theirs.kind:
        notes.append(_note(own.place, f"the kind of authorizer {own.name}", why))
        own = replace(own, kind=Unknown(why))
    if not isinstance(own.function, Unknown) and own.function != theirs.function:
        notes.append(_note(own.place, f"the function of {own.name}", why))
        own = replace(own, function=Unknown(why))
    return own


def _note(place: Location, what: str, why: str) -> Unresolved:
    return Unresolved(place=place, what=what, why=why)


def _words(deployment: Deployment) -> str:
    return "it changes where " + " and ".join(
        f"{'' if name.startswith('AWS::') else 'parameter '}{name} is {clip(text)}"
        for name, text in deployment.chosen
    )
