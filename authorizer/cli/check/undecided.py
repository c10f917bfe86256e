"""What could not be decided of a template, and what was therefore not looked for.

Three different things: what a deployment decides is a note; what no deployment can mend, because
the template names what is not there, is an error; and where a route is missing, whole rules are
silent, which nobody may take for a pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.check.catalogue import UNDECIDED
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.template.model import Mistake
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.template.model import Api, Template, Undecided


def check_undecided(template: Template) -> Iterator[Finding]:
    """T000, T002, T003."""
    mistakes: set[tuple[object, str]] = set()
    for one in template.undecided:
        if not isinstance(one.why, Mistake):
            yield _undecided(one)
            continue
        finding = _mistake(one, one.why)
        key = (finding.place, finding.message)
        if key not in mistakes:
            yield finding
        mistakes.add(key)
    for api in template.apis:
        if not api.is_complete:
            yield _incomplete(api)


def _undecided(one: Undecided) -> Finding:
    # Whether a route is guarded at all is not for a strict check to leave open.
    guards = one.what.startswith("the authorizer of ")
    return Finding(
        code=UNDECIDED,
        severity=Severity.WARNING if guards else Severity.NOTE,
        place=one.place,
        message=f"not decidable: {one.what}: {one.why}",
        effect="nothing was checked that depends on it",
        fix="check it by hand, or give the value in the template",
    )


def _mistake(one: Undecided, why: Mistake) -> Finding:
    return Finding(
        code="T003",
        severity=Severity.ERROR,
        place=why.place or one.place,
        message=why,
        effect="the template does not deploy, or not as it reads, and nothing was checked that "
        "depends on this",
        fix="correct it in the template: nothing that is given when deploying mends it",
    )


def _incomplete(api: Api) -> Finding:
    return Finding(
        code="T002",
        severity=Severity.WARNING,
        place=api.place,
        message=f"expected all routes of {clip(api.id)} in the template, found some that are not "
        "decidable",
        effect="X103, X105, X106, X107 and X207 were not looked for, and compile --template, and "
        "so the build, refuses this API",
        fix="give the parameter a default, or write the route out; T000 and T003 say where",
    )
