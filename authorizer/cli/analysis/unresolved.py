"""The routes of an API that a template has and that could not be read: where, which and why.

The template's reader says of an API only that it is incomplete. What was undecided on the way is
told by what it was about; where nothing fits, the API itself is the place to look.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.template.model import Undecided
from authorizer.cli.text import plain, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authorizer.cli.template.model import Api, Template

_OF_ROUTES = re.compile(
    r"the routes? of |the API of (the route|event) |the events of |what event |what a loop adds"
    r"|which resources there are|what the macro |whether \S+ \S+ is there$"
)
_OF_ONE = re.compile(r"(?:the route of|the API of|what) (event \S+)|the route of (\S+)")
_OF_API = re.compile(r"the routes of (\w+)$")
_MOST_PLACES = 3


def unread_routes(template: Template, api: Api) -> tuple[Undecided, ...]:
    """What may hide routes of an API; nothing where all of them were read."""
    if api.is_complete:
        return ()
    others = {one.id for one in template.apis if one is not api}
    found = tuple(
        one
        for one in template.undecided
        if _OF_ROUTES.match(one.what) and not _is_of(others, one.what)
    )
    fallback = Undecided(
        place=api.place, what=f"the routes of {api.id}", why="they are known only when deployed"
    )
    return found or (fallback,)


def where_unread(unread: Sequence[Undecided]) -> str:
    """``template.yaml:43:9 (event Search)``; the first few of many."""
    places = [_place_in_words(one) for one in unread[:_MOST_PLACES]]
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
        yield f"{api.place}: not every route of {plain(api.id)} could be read offline"
    for one in unread:
        yield plain(f"{one.place}: {one.what}: {one.why}")


def _place_in_words(one: Undecided) -> str:
    named = _OF_ONE.match(one.what)
    return f"{one.place} ({shown((named[1] or named[2]) if named else one.what)})"


def _is_of(others: set[str], what: str) -> bool:
    of_api = _OF_API.match(what)
    return of_api is not None and of_api[1] in others
