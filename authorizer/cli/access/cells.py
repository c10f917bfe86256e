"""One subject and one route: what may be done, in one of five words, and by which rules."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from authorizer.cli.access.forms import ALWAYS, NOTHING, Clause, Form
from authorizer.cli.access.regions import regions
from authorizer.cli.access.rows import EVERY_METHOD, OTHER_METHODS, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.access.access import Access, Said, Subject
    from authorizer.cli.access.spots import Ground, Region
    from authorizer.policy.model import Rule

# So many differing paths are shown of a route that the path decides on.
_MOST_EXAMPLES = 4


class Outcome(StrEnum):
    """What a subject may do on a route."""

    ALLOW = "allow"  # all of it
    OWN = "own"  # where a parameter equals a claim of the caller
    PARTLY = "partly"  # it depends on the path, on the method, or is all but an exception
    DENY = "deny"  # nothing, because a deny covers it
    NONE = "none"  # nothing, because nothing grants it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A subject's rights on a route.

    Attributes:
        words: what the outcome depends on.
        rules: those that decide, in the file's order.
    """

    outcome: Outcome
    words: str = ""
    rules: tuple[Rule, ...] = ()


NO_CELL = Cell(outcome=Outcome.NONE, words="nothing grants it")


def cells_of(
    row: Row, ground: Ground, access: Access, rivals: Iterable[Row] = ()
) -> dict[Subject, Cell]:
    """The cell of each subject that has any rule there; the others have ``NO_CELL``."""
    pieces: dict[Subject, list[tuple[Region, Said]]] = defaultdict(list)
    everywhere = list(regions(row, ground, [access], rivals))
    for region in everywhere:
        for subject, said in access.said(region).items():
            pieces[subject].append((region, said))
    return {subject: _cell(row, everywhere, found) for subject, found in pieces.items()}


def outcome_of(form: Form) -> Outcome:
    """The word for what is said in one region."""
    if ALWAYS in form.denies or (form.is_granted and not form.allows):
        return Outcome.DENY
    if not form.allows:
        return Outcome.NONE
    if ALWAYS not in form.allows:
        return Outcome.OWN
    return Outcome.PARTLY if form.denies else Outcome.ALLOW


def words_of(form: Form, row: Row) -> str:
    """What is said in one region."""
    match outcome_of(form):
        case Outcome.NONE:
            return NO_CELL.words
        case Outcome.DENY:
            return "denied"
        case Outcome.ALLOW:
            return "all of it"
        case Outcome.OWN:
            words = f"only where {_either(form.allows, row)}"
        case Outcome.PARTLY:
            words = "all of it"
    exceptions = {one for clause in form.allows for one in form.exceptions(clause)}
    return f"{words}, unless {_either(exceptions, row)}" if exceptions else words


def _cell(row: Row, everywhere: Sequence[Region], found: Sequence[tuple[Region, Said]]) -> Cell:
    forms = {id(region): said.form for region, said in found}
    said = [(region, forms.get(id(region), NOTHING)) for region in everywhere]
    outcomes = {outcome_of(form) for _, form in said}
    rules = {id(rule): rule for _, one in found for rule in _deciding(one)}
    return Cell(
        outcome=_overall(outcomes),
        words=_described(row, said),
        rules=tuple(sorted(rules.values(), key=lambda rule: (rule.line, rule.pattern.text))),
    )


def _overall(outcomes: set[Outcome]) -> Outcome:
    if len(outcomes) == 1:
        return next(iter(outcomes))
    # What a deny covers in part only, and nothing grants elsewhere, is not granted.
    return Outcome.NONE if outcomes <= {Outcome.NONE, Outcome.DENY} else Outcome.PARTLY


def _deciding(said: Said) -> Iterator[Rule]:
    """The rules that make the outcome: where a deny covers all, no allow does."""
    denied = ALWAYS in said.form.denies
    for rule in said.rules:
        if not denied or (rule.effect == "deny" and not rule.pattern.conditions):
            yield rule


def _described(row: Row, said: Sequence[tuple[Region, Form]]) -> str:
    by_words: dict[str, list[Region]] = defaultdict(list)
    for region, form in said:
        by_words[words_of(form, row)].append(region)
    if len(by_words) == 1:
        return next(iter(by_words))
    if row.tells_path:
        return "; ".join(
            f"{_methods(found)}: {words}" for words, found in sorted(by_words.items(), key=_first)
        )
    shown = list(by_words.items())[:_MOST_EXAMPLES]
    examples = "; ".join(f"{_example(_telling(found))}: {words}" for words, found in shown)
    more = "; …" if len(by_words) > len(shown) else ""
    return f"depends on the path, such as {examples}{more}"


def _first(item: tuple[str, Sequence[Region]]) -> bool:
    return item[0] == NO_CELL.words


def _methods(found: Iterable[Region]) -> str:
    covered = {method for region in found for method in region.methods}
    names = [method for method in EVERY_METHOD if method in covered]
    return ", ".join("other methods" if name == OTHER_METHODS else name for name in names)


def _telling(found: Sequence[Region]) -> Region:
    """Of some regions, one that stands for many paths rather than for one."""
    return next((region for region in found if region.spot.goes_on), found[0])


def _example(region: Region) -> str:
    shown = region.spot.shown
    return shown if region.methods == region.row.methods else f"{_methods([region])} {shown}"


def _either(clauses: Iterable[Clause], row: Row) -> str:
    return " or ".join(sorted(_all(clause, row) for clause in clauses))


def _all(clause: Clause, row: Row) -> str:
    return " and ".join(sorted(f"{_term(term, row)} = {claim}" for term, claim in clause))


def _term(term: int | str, row: Row) -> str:
    if isinstance(term, str):
        return f"'{term}'"
    name = row.names[term] if term < len(row.names) else None
    return f"{{{name}}}" if name else f"segment {term + 1}"
