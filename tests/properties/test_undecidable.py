"""What could not be decided of a template is neither a finding nor a pass."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from made_templates import at, findings, function

from authorizer.cli.template.model import (
    Api,
    ApiKind,
    AppClient,
    Authorizer,
    AuthorizerKind,
    Route,
    Template,
    Unknown,
    UserGroup,
    UserPool,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = Unknown("only the deployment tells")
SOURCES = ("header:authorization", "context:routeKey", "context:path", "context:httpMethod")
PATHS = ("/", "/one", "/users/{id}", "/users/me", "/files/{proxy+}", "$default", "$connect")
POLICY = """\
version: 1
groups:
  reader:
    allow: [GET /one, "GET /users/{id=sub}", "GET /files/{name}", $connect]
    deny: [GET /users/me]
  admin:
    includes: [reader]
    allow: ["ANY /users/**"]
scopes:
  files/read:
    allow: ["GET /files/**"]
public: [GET /health, "GET /"]
"""

flags = st.booleans()


@st.composite
def authorizers(draw: st.DrawFn, name: str) -> Authorizer:
    """An authorizer of any kind."""
    return Authorizer(
        name=name,
        location=at(20),
        kind=draw(st.sampled_from(AuthorizerKind)),
        function=draw(st.sampled_from(["AuthorizerFunction", "Other", None])),
        payload_version=draw(st.sampled_from(["1.0", "2.0", None])),
        payload_version_is_text=draw(flags),
        simple_responses=draw(flags),
        identity_sources=tuple(draw(st.lists(st.sampled_from(SOURCES), unique=True))),
        ttl_seconds=draw(st.sampled_from([0, 60, 3600])),
        may_be_invoked=draw(flags),
    )


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """A route, with or without an authorizer."""
    path = draw(st.sampled_from(PATHS))
    method = "" if path.startswith("$") else draw(st.sampled_from(["GET", "ANY", "OPTIONS"]))
    return Route(
        method=method,
        path=path,
        authorizer=draw(st.sampled_from(["A", "B", "missing", None])),
        location=at(draw(st.integers(100, 120))),
        is_preflight=method == "OPTIONS" and draw(flags),
    )


@st.composite
def apis(draw: st.DrawFn) -> Api:
    """An API of any kind."""
    return Api(
        id=draw(st.sampled_from(["One", "Two"])),
        kind=draw(st.sampled_from(ApiKind)),
        location=at(5),
        routes=tuple(draw(st.lists(routes(), max_size=4))),
        authorizers=(draw(authorizers("A")), draw(authorizers("B"))),
        is_complete=draw(flags),
        has_cors=draw(flags),
        cors_gateway_responses=frozenset(draw(st.sets(st.sampled_from(["DEFAULT_4XX"])))),
    )


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """A template of anything."""
    answers = draw(st.sampled_from([{}, {"AUTHORIZER_HTTP_API_ANSWER": "iam"}]))
    modes = draw(st.sampled_from([{}, {"AUTHORIZER_IAM_MODES": "rest-request=request"}]))
    pool = UserPool(id="Pool", location=at(60), mfa=draw(st.sampled_from(["ON", "OFF"])))
    client = AppClient(
        id="Client",
        location=at(61),
        has_secret=draw(flags),
        auth_flows=("ALLOW_USER_PASSWORD_AUTH",),
        access_token_seconds=draw(st.sampled_from([300, 90000])),
    )
    names = draw(st.lists(st.sampled_from(["reader", "admin", "Admin"]), unique=True))
    return Template(
        file="template.yaml",
        apis=tuple(draw(st.lists(apis(), max_size=2))),
        pools=(pool,),
        clients=(client,),
        groups=tuple(UserGroup(id=name, location=at(70), name=name) for name in names),
        functions=(function(**answers, **modes),),
    )


def facts(value: Any) -> Iterator[tuple[int | str, ...]]:
    """The way to each fact that a reader may be unable to decide."""
    if isinstance(value, tuple):
        for index, one in enumerate(value):
            yield from ((index, *rest) for rest in facts(one))
    elif isinstance(value, dict):
        yield from ((name,) for name in value)
    elif is_dataclass(value):
        for one in fields(value):
            held = getattr(value, one.name)
            if "Unknown" in str(one.type) and held is not None and not isinstance(held, dict):
                yield (one.name,)
            yield from ((one.name, *rest) for rest in facts(held))


def without(value: Any, way: tuple[Any, ...]) -> Any:
    """The same, with the fact at the end of the way not known."""
    if not way:
        return UNKNOWN
    first, *rest = way
    if isinstance(value, tuple):
        return (*value[:first], without(value[first], tuple(rest)), *value[first + 1 :])
    if isinstance(value, dict):
        return {**value, first: without(value[first], tuple(rest))}
    return replace(value, **{first: without(getattr(value, first), tuple(rest))})


@settings(max_examples=examples(100), deadline=None)
@given(templates(), st.data())
def test_a_fact_that_is_not_known_adds_no_finding(template: Template, data: st.DataObject) -> None:
    """Forgetting a fact takes findings away; new are only those that say so (T050, T150, X130)."""
    forgetful = without(template, data.draw(st.sampled_from(list(facts(template)))))
    known = {(one.code, one.location) for one in findings(template, POLICY)}
    found = {(one.code, one.location) for one in findings(forgetful, POLICY)}
    assert {one for one in found if one[0] not in {"T050", "T150", "X130"}} <= known


@settings(max_examples=examples(50), deadline=None)
@given(templates())
def test_every_finding_is_one_line_with_effect_and_fix(template: Template) -> None:
    """Whatever the template, nothing is raised, and findings are complete."""
    for one in findings(template, POLICY):
        for text in (one.message, one.effect, one.fix):
            assert text
            assert text == text.strip().removesuffix(".")
            assert "\n" not in text
