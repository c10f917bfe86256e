"""The routes of an API that a template has and that could not be read: where, which and why.

The template's reader says of an API only that it is incomplete. What was unresolved on the way says
whether it hides routes; where nothing does, the API itself is the place to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.template.model import (
    Api,
    HiddenRoutes,
    Template,
    Unresolved,
)
from authorizer.cli.text import plain, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_MOST_PLACES = 3


def unread_routes(template: Template, api: Api) -> tuple[Unresolved, ...]:
    """What may hide routes of an API; nothing where all of them were read."""
    if api.is_complete:
        return ()
    others = {other.id for other in template.apis if other is not api}
    found = tuple(
        fact
        for fact in template.unresolved
        if isinstance(fact.what, HiddenRoutes) and fact.what.api not in others
    )
    fallback = Unresolved(
        location=api.location,
        what=HiddenRoutes(f"the routes of {api.id}", api=api.id),
        why="they are known only when deployed",
    )
    return found or (fallback,)


def where_unread(unread: Sequence[Unresolved]) -> str:
    """``template.yaml:43:9 (event Search)``; the first few of many."""
    places = [_place_in_words(fact) for fact in unread[:_MOST_PLACES]]
    if len(unread) > _MOST_PLACES:
        places.append(f"{len(unread) - _MOST_PLACES} others")
    *first, last = places
    return f"{', '.join(first)} and {last}" if first else last


def unread_warning(template: Template, api: Api) -> Iterator[str]:
    """A sentence, if not every route of an API could be read: what is said holds for the others."""
    unread = unread_routes(template, api)
    if unread:
        where = where_unread(unread)
        yield shown(f"not every route of {api.id} can be read offline: {where}")


def unread_in_words(template: Template, api: Api) -> Iterator[str]:
    """Of an API that could not be read to the end: what is missing, each with its place and why."""
    unread = unread_routes(template, api)
    if unread:
        yield f"{api.location}: not every route of {plain(api.id)} could be read offline"
    for fact in unread:
        yield plain(f"{fact.location}: {fact.what}: {fact.why}")


def _place_in_words(fact: Unresolved) -> str:
    label = fact.what.label if isinstance(fact.what, HiddenRoutes) else None
    return f"{fact.location} ({shown(label or str(fact.what))})"
