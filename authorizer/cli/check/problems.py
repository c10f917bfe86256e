"""Findings of a policy file that cannot be used: what the reader found, with what to do."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.location import Location
from authorizer.cli.text import did_you_mean
from authorizer.policy.paths import ANY, METHODS

if TYPE_CHECKING:
    from authorizer.cli.yaml_source import Problem

_EFFECT = "the policy does not compile, so that nothing can be built or deployed with it"
_SCHEMA = "compare with docs/policy.md"
# Where the code alone does not tell what to do: a piece of the message, and then what.
_CASES = (
    ("P102", "found nothing", "begin the file with version: 1"),
    ("P102", r"character '\\t'", "indent with blanks: YAML takes no tabs there"),
    (
        "P102",
        "<block end>",
        "begin the lines of one list, or keys of one group, in the same column",
    ),
    ("P104", "in the policy, found '(allow|deny|includes)'", "indent it below a group"),
    ("P105", "found '-[^ ]", "put a blank after the dash, as in - GET /books"),
    ("P105", "beside groups", "indent it, so that it stands below the group that it is for"),
    (
        "P105",
        "a group to be .* found nothing",
        "indent its keys below it, or write {} for no rules",
    ),
    ("P105", "nothing is worked out", "write the value out, or put the text into quotes"),
    ("P108", r"separated by commas", "take the blank after the comma away: GET,POST /books"),
    ("P108", r"^expected METHOD /path", "put the method in front, and one blank: GET /books"),
    ("P108", r"^expected one blank", "put one blank and a slash in front of the path: GET /books"),
    ("P108", r"for the rest of a path", "write /** in place of the {name+}: GET /files/**"),
    (
        "P108",
        r"at the end only",
        "write {name} for one segment; /** at the end is everything below",
    ),
    (
        "P108",
        r"no empty segment",
        "take the slash away: a path has none at its end, nor two in a row",
    ),
    ("P108", r"each parameter name once", "give each parameter of the path a name of its own"),
    ("P108", r"segments", "shorten the path, or end it with /**"),
)
_FIXES = {
    "P101": "write the file in UTF-8, and not so long",
    "P102": "mend the YAML; a text with braces, colons or quotes wants quotes around it",
    "P103": "begin the file with version: 1",
    "P104": "correct the key, or remove it",
    "P105": f"write what is expected there; {_SCHEMA}",
    "P106": "put what stands under both into one",
    "P107": "write the name as it stands in Cognito",
    "P108": f"write METHOD[,METHOD] /path; {_SCHEMA}",
    "P109": f"write one of these, in capitals; {ANY} is every method",
    "P110": "write {name} without a claim, or grant the route to a group instead",
    "P111": "correct the name, or add the group",
    "P112": "remove one include of the circle",
    "P113": "say why it may stay, as in P204: administrators run the whole API",
}


def finding_of(problem: Problem, file: str) -> Finding:
    """The finding that tells of a problem of the reader."""
    return Finding(
        code=problem.code,
        severity=Severity.ERROR,
        place=Location(file=file, line=problem.line, column=problem.column),
        message=problem.message,
        effect=_EFFECT,
        fix=_fix(problem),
    )


def unreadable(file: str, why: str) -> Finding:
    """The finding for a policy file that the system does not give us."""
    return Finding(
        code="P101",
        severity=Severity.ERROR,
        place=Location(file=file, line=1, column=1),
        message=f"cannot be read: {why}{similar_file(file)}",
        effect="nothing was checked",
        fix="give the path of a policy file that is there and that you may read",
    )


def _fix(problem: Problem) -> str:
    for code, piece, fix in _CASES:
        if code == problem.code and re.search(piece, problem.message):
            return fix
    return _FIXES[problem.code] if problem.code != "P109" else _method_fix(problem)


def _method_fix(problem: Problem) -> str:
    """By the method that was meant, where the mistake tells it."""
    found = problem.message.rpartition("found '")[2].removesuffix("'")
    meant = next(iter(get_close_matches(found.strip().upper(), [*METHODS, ANY], n=1)), None)
    if found == "*":
        meant = ANY
    return f"write {meant}" if meant else _FIXES["P109"]


def similar_file(file: str) -> str:
    """A hint at a file beside it, where the name is misspelt."""
    path = Path(file)
    try:
        if path.exists():
            return ""
        alike = (one for one in path.parent.iterdir() if one.suffix == path.suffix)
        beside = [one.name for one in alike if one.is_file()]
    except (OSError, ValueError):
        return ""
    return did_you_mean(path.name, beside)
