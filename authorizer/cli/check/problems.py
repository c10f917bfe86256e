"""Findings of a policy file that cannot be used: what the reader found, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.template.model import Place

if TYPE_CHECKING:
    from authorizer.cli.nodes import Problem

_EFFECT = "the policy does not compile, so that nothing can be built or deployed with it"
_SCHEMA = "compare with docs/policy.md"
_FIXES = {
    "P101": "give the path of a policy.yaml in UTF-8 that you may read",
    "P102": "mend the YAML; a text with braces, colons or quotes wants quotes around it",
    "P103": "begin the file with version: 1",
    "P104": "correct the key, or remove it",
    "P105": f"write what is expected there; {_SCHEMA}",
    "P106": "put what stands under both into one",
    "P107": "write the name as it stands in Cognito",
    "P108": f"write METHOD[,METHOD] /path; {_SCHEMA}",
    "P109": "write the method in capitals, or ANY for every method",
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
        place=Place(file=file, line=problem.line, column=problem.column),
        message=problem.message,
        effect=_EFFECT,
        fix=_FIXES[problem.code],
    )


def unreadable(file: str, why: str) -> Finding:
    """The finding for a policy file that the system does not give us."""
    return Finding(
        code="P101",
        severity=Severity.ERROR,
        place=Place(file=file, line=1, column=1),
        message=f"cannot be read: {why}",
        effect=_EFFECT,
        fix=_FIXES["P101"],
    )
