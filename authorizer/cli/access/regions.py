"""The requests to a route, divided into those of which the same rules are true.

Left out are requests that a more specific route of the API gets.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from authorizer.cli.access.rows import Kind
from authorizer.cli.access.spots import Region
from authorizer.policy.routes import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.access.access import Access
    from authorizer.cli.access.rows import Row
    from authorizer.cli.access.spots import Ground, Place, Spot
    from authorizer.policy.model import Rule


def regions(
    row: Row, ground: Ground, policies: Sequence[Access], rivals: Iterable[Row] = ()
) -> Iterator[Region]:
    """Divide the requests to a route.

    Args:
        row: the route.
        ground: the places of all the policies.
        policies: whose rules divide them.
        rivals: the API's other routes, to which some of the requests may go instead.
    """
    nearer = _nearer(row, rivals)
    found: dict[object, Region] = {}
    for spot in ground.spots(row):
        methods = [method for method in row.methods if not _is_taken(method, spot, nearer)]
        for alike, rules in _alike(row, spot, methods, policies):
            has_conditions = any(rule.pattern.conditions for rule in rules)
            values = (spot.terms, spot.excluded) if has_conditions else None
            key = (alike, spot.places, tuple(map(id, rules)), values)
            known = found.get(key)
            # Of several, the one that stands for most paths is what people are shown.
            if known is None or _literals(spot) < _literals(known.spot):
                found[key] = Region(row=row, spot=spot, methods=alike)
    yield from found.values()


def _literals(spot: Spot) -> int:
    return sum(isinstance(term, str) for term in spot.terms)


def _nearer(row: Row, rivals: Iterable[Row]) -> dict[Place, set[str]]:
    """The routes that get a path before this one does, with their methods."""
    nearer: dict[Place, set[str]] = defaultdict(set)
    for rival in rivals:
        if not row.tells_path and _is_nearer(rival, row):
            nearer[rival.path, rival.is_open_ended].update(rival.methods)
    return nearer


def _is_nearer(rival: Row, row: Row) -> bool:
    """Whether API Gateway prefers a route to one that does not tell the path.

    Where one is literal and then the other is, kinds of APIs differ: neither counts as nearer.
    """
    if rival.kind is Kind.DEFAULT or rival.place == row.place:
        return False
    if rival.kind is Kind.GREEDY and len(rival.path) < len(row.path):
        return False
    pairs = zip(rival.path, row.path, strict=False)
    return not any(own == PARAMETER != known for own, known in pairs)


def _is_taken(method: str, spot: Spot, nearer: dict[Place, set[str]]) -> bool:
    # A {proxy+} stands for one segment or more; the /** of a rule for none, too.
    return any(
        method in nearer.get(place, ())
        for place in spot.places
        if not place[1] or len(spot.terms) > len(place[0])
    )


def _alike(
    row: Row, spot: Spot, methods: Iterable[str], policies: Sequence[Access]
) -> Iterator[tuple[tuple[str, ...], list[Rule]]]:
    """Methods for which the same rules count, with these."""
    rules_of: dict[tuple[int, ...], list[Rule]] = {}
    methods_of: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for method in methods:
        rules = [rule for policy in policies for rule in policy.rules_at(row, spot, method)]
        public = [rule for policy in policies for rule in policy.public_at(row, method)]
        key = tuple(id(rule) for rule in (*rules, *public))
        rules_of[key] = rules
        methods_of[key].append(method)
    for key, alike in methods_of.items():
        yield tuple(alike), rules_of[key]
