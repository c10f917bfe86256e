"""What could not be decided of a template, and what was therefore not looked for.

Four different things: what a deployment decides is a note, and a warning where that is who guards a
route; what no deployment can mend, because the template names what is not there, is an error; and
where a route is missing, whole rules are silent, which nobody may take for a pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authorizer.cli.analysis.protection import DecidedBy, RouteProtection, route_protections
from authorizer.cli.check.catalogue import UNDECIDED
from authorizer.cli.check.finding import Finding, Severity
from authorizer.cli.template.model import Mistake, Unknown
from authorizer.cli.text import quoted_key
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.policy_file.source import SourcePolicy
    from authorizer.cli.template.model import Api, Template, Undecided
    from authorizer.policy.model import Policy


def check_undecided(template: Template) -> Iterator[Finding]:
    """T000, T002, T003, T051."""
    mistakes: set[tuple[object, str]] = set()
    told = {_whose(one) for one in route_protections(template) if _is_undecided(one)}
    for one in template.undecided:
        if (one.place, one.what) in told and not isinstance(one.why, Mistake):
            continue  # T050 tells
        if not isinstance(one.why, Mistake):
            yield _undecided(one)
            continue
        finding = _mistake(one, one.why)
        key = (finding.place, finding.message)
        if key not in mistakes:
            yield finding
        mistakes.add(key)
    for api in template.apis:
        if api.elsewhere is not None:
            yield _elsewhere(api, api.elsewhere)
        elif not api.is_complete:
            yield _incomplete(api)


def undecided_guards(
    _source: SourcePolicy, _policy: Policy, template: Template
) -> Iterator[Finding]:
    """T050: routes of which a deployment decides who guards them, if anybody does."""
    for one in route_protections(template):
        named = one.route.authorizer
        why = (
            named.why if isinstance(named, Unknown) else f"{clip(one.api.id)} has no {clip(named)}"
        )
        if _is_undecided(one) and not isinstance(why, Mistake):
            yield Finding(
                code="T050",
                severity=Severity.WARNING,
                place=one.route.place,
                message=f"not decidable: who decides about {one.name}: {why}",
                effect="in a deployment that nobody looked at, anybody may call it, or those whom "
                "another authorizer lets in",
                fix="write the authorizer and its kind into the template, the same for every "
                "deployment",
            )


def _is_undecided(one: RouteProtection) -> bool:
    """Whether it is not known which authorizer a route has. X130 is about one that is known."""
    return one.decided_by is DecidedBy.UNKNOWN and one.authorizer is None


def _whose(one: RouteProtection) -> tuple[Location, str]:
    """What the readers call the missing fact."""
    return one.route.place, f"the authorizer of {one.route.key}"


def _undecided(one: Undecided) -> Finding:
    return Finding(
        code=UNDECIDED,
        severity=Severity.NOTE,
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


def _elsewhere(api: Api, why: str) -> Finding:
    routes = (
        ", ".join(quoted_key(route.key) for route in api.routes[:3]) or "no route that is readable"
    )
    return Finding(
        code="T051",
        severity=Severity.WARNING,
        place=api.place,
        message=f"expected the API of {routes} in the templates, found {clip(api.id)}: {why}",
        effect="what else the API has, who guards it, and what its answers are cached under was "
        "not checked, and the API's own template does not show these routes",
        fix="give the template that has the API, too (-t once more), or name the API itself",
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
