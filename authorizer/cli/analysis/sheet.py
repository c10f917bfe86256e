"""The sheet that is shown: routes by subjects, from a policy and, where given, a template."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from authorizer.cli.analysis.partition import Partition, competing_routes
from authorizer.cli.analysis.permissions import (
    EVERYONE,
    NO_PERMISSION,
    Analysis,
    Extent,
    Permission,
    Subject,
    SubjectKind,
    permissions_of,
)
from authorizer.cli.analysis.protection import routes_that_ask, unnamed_routes
from authorizer.cli.analysis.routes import AskedRoute, asked_routes, routes_of_rules
from authorizer.cli.analysis.unresolved import unread_in_words
from authorizer.cli.template.model import (
    Api,
    AuthorizerKind,
    Route,
    Template,
    Unknown,
)
from authorizer.cli.template.stacks import known_routes
from authorizer.cli.text import plain
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.cli.analysis.named_policy import NamedPolicy

_NAMED = (
    "the routes are those that the policy names; --template takes them from the API",
    "a route that ends in /** stands for every route below it that no other line names",
)
_ASKS_POLICY = (AuthorizerKind.REQUEST, AuthorizerKind.TOKEN)


class Look(NamedTuple):
    """How an extent is shown: besides its word and a colour, by a sign for eyes that see few."""

    sign: str
    colour: str
    meaning: str


LOOKS = {
    Extent.ALLOW: Look("+", "green", "all of it"),
    Extent.OWN: Look("=", "cyan", "where a parameter equals a claim of the caller"),
    Extent.PARTLY: Look("~", "yellow", "depends on the path or the method, or has exceptions"),
    Extent.DENY: Look("!", "red", "a deny covers it"),
    Extent.NONE: Look(".", "dim", "nothing grants it"),
}
# In the place of the word for nothing, where there are no signs.
NOTHING = "·"


def title_of(subject: Subject, shown: Callable[[str], str] = plain) -> str:
    """The heading of a subject's column."""
    if subject == EVERYONE:
        return "everyone"
    return f"{'scope ' if subject.kind is SubjectKind.SCOPE else ''}{shown(subject.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One route with what each subject may.

    Attributes:
        permissions: of the subjects that any rule is for.
        rest: what all others may.
        remark: what the template says of the route that the policy does not.
        is_public: whether no authorizer is asked, so that everyone may do all of it.
    """

    route: AskedRoute
    permissions: Mapping[Subject, Permission]
    rest: Permission = NO_PERMISSION
    remark: str = ""
    is_public: bool = False

    def permission(self, subject: Subject) -> Permission:
        """A subject's permission."""
        return self.permissions.get(subject, self.rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """All of it.

    Attributes:
        digest: names the policy as it is compiled for the sheet's routes, and as the function's
            logs name it; nothing where not all routes are known, and nothing can be compiled.
        template: the file that the routes are from; nothing where the policy names them.
        remarks: what a reader must know of the whole.
        unread: which routes are missing, for they could not be read.
    """

    source: NamedPolicy
    subjects: tuple[Subject, ...]
    lines: tuple[Line, ...]
    digest: str | None = None
    template: str | None = None
    remarks: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def remarked(self) -> tuple[Line, ...]:
        """The lines with a remark."""
        return tuple(line for line in self.lines if line.remark)

    def counts(self) -> Counter[Extent]:
        """How many cells there are of each outcome."""
        counts: Counter[Extent] = Counter()
        for line in self.lines:
            counts.update(one.extent for one in line.permissions.values())
            counts[line.rest.extent] += len(self.subjects) - len(line.permissions)
        return counts


def sheet_of(source: NamedPolicy, opened: tuple[Template, Api] | None) -> Sheet:
    """The routes of the API that is meant, or else those that the policy names."""
    return sheet_of_policy(source) if opened is None else sheet_of_api(source, *opened)


def sheet_of_policy(source: NamedPolicy) -> Sheet:
    """The routes that the policy names."""
    analysis = Analysis.of(source)
    partition = Partition(analysis.policy.tree)
    rules = (*source.policy.rules, *source.source.public)
    lines = tuple(
        _as_public(
            Line(route=route, permissions=permissions_of(route, partition, analysis)),
            by="the policy says",
        )
        for route in routes_of_rules(rule.pattern for rule in rules)
        if route.methods
    )
    return Sheet(
        source=source,
        subjects=analysis.subjects,
        lines=lines,
        digest=source.policy.digest,
        remarks=_NAMED,
    )


def sheet_of_api(source: NamedPolicy, template: Template, api: Api) -> Sheet:
    """The routes of an API of a template."""
    templated = routes_that_ask(api)
    analysis = Analysis.of(source, templated)
    partition = Partition(analysis.policy.tree)
    routes = asked_routes(templated, unnamed_routes(template, api))
    competing = competing_routes(routes)
    lines = tuple(
        _by_template(
            Line(route=route, permissions=permissions_of(route, partition, analysis, competing)),
            templated[route.key],
            api,
        )
        for route in routes
        if route.methods
    )
    return Sheet(
        source=source,
        subjects=analysis.subjects,
        lines=lines,
        digest=_digest(source, template, api),
        template=template.file,
        unread=tuple(unread_in_words(template, api)),
    )


def _digest(source: NamedPolicy, template: Template, api: Api) -> str | None:
    """The digest of what ``compile --template`` makes of it."""
    try:
        return source.compiled_with(known_routes(template, api.id)).digest
    except ConfigurationError:  # not all routes are known; the sheet says which
        return None


def _by_template(line: Line, route: Route, api: Api) -> Line:
    """Everyone's cell is what the template makes of it, whatever the policy lists as public."""
    declared = line.permission(EVERYONE)
    name = route.authorizer
    if isinstance(name, Unknown):
        return replace(line, remark=f"authorizer not decidable: {name.why}")
    if name is None:
        is_open = Permission(
            extent=Extent.ALLOW, words=f"no authorizer ({route.location})", rules=declared.rules
        )
        line = replace(line, permissions={**line.permissions, EVERYONE: is_open})
        remark = "" if declared.rules else "has no authorizer, and is not public in the policy"
        return replace(_as_public(line, by="no authorizer in the template"), remark=remark)
    others = {who: permission for who, permission in line.permissions.items() if who != EVERYONE}
    authorizer = api.authorizer(name)
    kind = authorizer.kind if authorizer else None
    remarks = []
    if isinstance(kind, AuthorizerKind) and kind not in _ASKS_POLICY:
        remarks.append(f"its authorizer {name} is of kind {kind}: the policy is not asked")
    if declared.rules:
        remarks.append(f"public in the policy, but has the authorizer {name}")
    return replace(line, permissions=others, remark="; ".join(remarks))


def _as_public(line: Line, *, by: str) -> Line:
    """What everyone may, everybody may: nobody is asked who they are, and no deny counts."""
    everyone = line.permission(EVERYONE)
    if everyone.extent is not Extent.ALLOW:
        return line
    rest = Permission(extent=Extent.ALLOW, words=f"public: {by}", rules=everyone.rules)
    return replace(line, permissions={EVERYONE: everyone}, rest=rest, is_public=True)
