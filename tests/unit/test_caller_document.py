"""Documents for all that a caller may do: what is in them, and when there is none."""

from __future__ import annotations

from typing import Any

import pytest
from naive_policy import policy_of

from authorizer.policy.caller_document import CallerDocuments
from authorizer.policy.globs import Words, covers, covers_shape, is_narrower, meet
from authorizer.policy.grants import Grants, Inexact, Steps

# No parameter's value is empty.
EMPTY = ("*//*", "*/*/")
PERSON: dict[str, Any] = {"sub": "me", "username": "someone"}


def grants(
    allow: list[str],
    routes: list[str],
    deny: tuple[str, ...] = (),
    claims: dict[str, Any] = PERSON,
) -> Grants | Inexact:
    """What a group's members are granted on an API."""
    rules = "".join(f'\n      - "{rule}"' for rule in allow)
    denies = "".join(f'\n      - "{rule}"' for rule in deny)
    policy = policy_of(f"version: 1\ngroups:\n  g:\n    allow:{rules}\n    deny:{denies}\n")
    return CallerDocuments(policy, routes).of(("g",), (), claims)


@pytest.mark.parametrize(
    ("allow", "routes", "allowed", "denied"),
    [
        pytest.param(["GET /a"], ["GET /a", "PUT /a"], ["GET/a"], [], id="literal"),
        pytest.param(["GET /"], ["GET /"], ["GET/"], [], id="root"),
        pytest.param(["GET /a"], ["GET /b"], [], [], id="not a route of the API"),
        pytest.param(["GET /a"], ["ANY /a"], ["GET/a"], [], id="one method of an ANY route"),
        pytest.param(["ANY /a"], ["ANY /a"], ["*/a"], ["*//*", "*/*/", "*/*/a"], id="all methods"),
        pytest.param(
            ["ANY /a"],
            ["ANY /a", "GET /{x}/a"],
            ["*/a"],
            ["*//*", "*/*/", "*/*/a"],
            id="method's star crosses",
        ),
        pytest.param(
            ["ANY /a"],
            ["ANY /a", "GET /a", "PUT /a"],
            ["*/a"],
            ["*//*", "*/*/", "*/*/a"],
            id="what a star covers is not named again",
        ),
        pytest.param(
            ["GET /a/{x}"], ["GET /a/{y}"], ["GET/a/*"], [*EMPTY, "GET/a/*/*"], id="parameter"
        ),
        pytest.param(
            ["GET /a/{x}"],
            ["GET /a/{x}", "GET /a/{x}/b"],
            ["GET/a/*"],
            [*EMPTY, "GET/a/*/*"],
            id="longer route",
        ),
        pytest.param(
            ["GET /a/{x}"],
            ["GET /a/{x}", "GET /a/b"],
            ["GET/a/*"],
            [*EMPTY, "GET/a/*/*", "GET/a/b"],
            id="literal sibling",
        ),
        pytest.param(
            ["GET /a/b"], ["GET /a/{x}", "GET /a/b"], ["GET/a/b"], [], id="only the literal sibling"
        ),
        pytest.param(
            ["GET /a/{x}", "GET /a/{x}/b"],
            ["GET /a/{x}", "GET /a/{x}/b", "GET /a/{x}/c"],
            ["GET/a/*"],
            [*EMPTY, "GET/a/*/*/b", "GET/a/*/c"],
            id="a longer route is granted, another is not",
        ),
        pytest.param(
            ["GET /a/{x=sub}", "GET /a/{x=sub}/**"],
            ["GET /a/{x}", "GET /a/{x}/b"],
            ["GET/a/me", "GET/a/me/b"],
            [],
            id="own record",
        ),
        pytest.param(
            ["GET /a/{x=username}"],
            ["GET /a/{x}", "GET /a/someone"],
            [],
            [],
            id="a value that is another route's name",
        ),
        pytest.param(["GET /a/{x=missing}"], ["GET /a/{x}"], [], [], id="claim that is missing"),
        pytest.param(
            ["GET /a/{x=sub}", "GET /a/{x}"],
            ["GET /a/{x}"],
            ["GET/a/*"],
            [*EMPTY, "GET/a/*/*"],
            id="own record and all others",
        ),
        pytest.param(
            ["ANY /a/**"],
            ["GET /a", "GET /a/b", "GET /a/{x}", "PUT /a/b", "PUT /a/c"],
            ["*/a/*", "GET/a"],
            [*EMPTY, "*/*/a/*"],
            id="everything below in one",
        ),
        pytest.param(
            ["ANY /a/**"],
            ["GET /a/b", "GET /a/c", "PUT /a/b", "GET /c/a/b"],
            ["GET/a/*", "PUT/a/b"],
            [*EMPTY],
            id="everything below, per method where a star would cross",
        ),
        pytest.param(["ANY /**"], ["GET /a", "PUT /{x}", "GET /"], ["*/*"], [], id="everything"),
        pytest.param(
            ["GET /{x}/**"], ["GET /a", "GET /a/b"], [], [], id="a parameter covers no literal"
        ),
        pytest.param(["$connect"], ["$connect"], ["$connect"], [], id="connect"),
    ],
)
def test_what_a_document_says(
    allow: list[str], routes: list[str], allowed: list[str], denied: list[str]
) -> None:
    """Routes that are granted, as globs, and what those cover besides, denied."""
    found = grants(allow, routes)

    assert isinstance(found, Grants), found
    assert (list(found.allow), list(found.deny)) == (allowed, denied)


@pytest.mark.parametrize(
    ("allow", "deny", "allowed"),
    [
        pytest.param(["GET /a"], ["ANY /**"], [], id="of everything"),
        pytest.param(["ANY /a"], ["GET /a"], ["PUT/a"], id="of one method"),
        pytest.param(["GET /a", "PUT /a"], ["GET /b"], ["GET/a", "PUT/a"], id="of another route"),
        pytest.param(["GET /a"], ["GET /{x=missing}"], ["GET/a"], id="of a claim that is missing"),
    ],
)
def test_a_deny(allow: list[str], deny: list[str], allowed: list[str]) -> None:
    """What a deny covers is not granted."""
    found = grants(allow, ["GET /a", "PUT /a"], tuple(deny))

    assert isinstance(found, Grants), found
    assert list(found.allow) == allowed


@pytest.mark.parametrize(
    ("allow", "routes", "deny", "claims", "why"),
    [
        pytest.param(
            ["GET /a/{x}", "GET /a/{x}/b/{y}"],
            ["GET /a/{x}", "GET /a/{x}/b", "GET /a/{x}/b/{y}"],
            (),
            PERSON,
            Inexact.ROUTES_OVERLAP,
            id="the deny would take a value away",
        ),
        pytest.param(
            ["GET /a/{x}"],
            ["GET /a/{x}", "GET /{y}/b"],
            (),
            PERSON,
            Inexact.ROUTES_OVERLAP,
            id="nobody knows whose path it is",
        ),
        pytest.param(
            ["ANY /a"],
            ["ANY /a"],
            ("GET /a",),
            PERSON,
            Inexact.ROUTES_OVERLAP,
            id="every method but one",
        ),
        pytest.param(
            ["GET /a/**"],
            ["GET /a/{p+}"],
            (),
            PERSON,
            Inexact.PATH_DECIDES,
            id="granted on a greedy route",
        ),
        pytest.param(
            ["GET /a"], ["$default"], (), PERSON, Inexact.PATH_DECIDES, id="granted on $default"
        ),
        pytest.param(
            ["GET /a/**"],
            ["GET /a/{x}", "GET /{p+}"],
            (),
            PERSON,
            Inexact.PATH_DECIDES,
            id="granted on a greedy route below one that looks like the rule",
        ),
        pytest.param(
            ["GET /"], ["$default"], (), PERSON, Inexact.PATH_DECIDES, id="the root on $default"
        ),
        pytest.param(
            ["GET /a/{x}", "GET /a/{x}/b"],
            ["GET /a/{x}", "GET /a/{x}/b", "$default"],
            (),
            PERSON,
            Inexact.ROUTES_OVERLAP,
            id="what is longer is the greedy route's",
        ),
        pytest.param(
            ["GET /{x}/b"],
            ["GET /{x}/b", "GET /a/{p+}"],
            (),
            PERSON,
            Inexact.ROUTES_OVERLAP,
            id="nobody knows whether a greedy route wins",
        ),
        pytest.param(
            ["GET /b/{x}", "GET /a/**"],
            ["GET /b/{x}", "GET /a/", "PUT /z/{p+}"],
            (),
            PERSON,
            Inexact.ROUTES_OVERLAP,
            id="a slash at the end is one route's, and the greedy one's",
        ),
        pytest.param(
            ["GET /a/{x=sub}"],
            ["GET /a/{x}"],
            (),
            {"sub": "a b"},
            Inexact.CLAIM_NOT_LITERAL,
            id="blank in a value",
        ),
        pytest.param(
            ["GET /a/{x=sub}"],
            ["GET /a/{x}"],
            (),
            {"sub": "*"},
            Inexact.CLAIM_NOT_LITERAL,
            id="star in a value",
        ),
        pytest.param(
            ["GET /a/{x=sub}"],
            ["GET /a/{x}"],
            (),
            {"sub": ".."},
            Inexact.CLAIM_NOT_LITERAL,
            id="dots as a value",
        ),
        pytest.param(
            ["GET /a/{x}"],
            ["GET /a/{x}"],
            ("GET /a/{x=sub}",),
            PERSON,
            Inexact.DENY_COMPARES_CLAIM,
            id="a deny compares",
        ),
    ],
)
def test_there_is_no_exact_document(
    allow: list[str],
    routes: list[str],
    deny: tuple[str, ...],
    claims: dict[str, Any],
    why: Inexact,
) -> None:
    """Where no document says exactly what is granted, none is made, and it is said why."""
    assert grants(allow, routes, deny, claims) is why


@pytest.mark.parametrize(
    ("allow", "routes", "deny"),
    [
        pytest.param(["GET /b"], ["GET /b", "GET /a/{p+}"], (), id="granted elsewhere"),
        pytest.param(["GET /a/b"], ["GET /a/b", "GET /a/{p+}"], (), id="a route of its own"),
        pytest.param(["GET /b"], ["GET /b", "$default"], (), id="a route beside $default"),
        pytest.param(["GET /a/**"], ["GET /a/{p+}"], ("ANY /**",), id="denied altogether"),
        pytest.param(["GET /a/**"], ["PUT /a/{p+}"], (), id="another method"),
        pytest.param(["GET /{x}/c"], ["GET /a/{p+}"], (), id="a parameter for its literal"),
        pytest.param(["GET /b/{x}"], ["GET /b/{x}", "ANY /{p+}"], (), id="a more specific one"),
        pytest.param(["GET /{x}"], ["GET /{x}", "GET /a/{p+}"], (), id="a shorter one"),
    ],
)
def test_a_greedy_route_that_is_not_granted(
    allow: list[str], routes: list[str], deny: tuple[str, ...]
) -> None:
    """A greedy route is in nobody's way who is granted nothing on it, if it can be kept out."""
    assert isinstance(grants(allow, routes, deny), Grants)


def test_what_belongs_to_a_greedy_route_is_denied() -> None:
    """More segments, and empty ones: such paths are not the parameter's, but the greedy route's."""
    found = grants(["GET /b/{x}"], ["GET /b/{x}", "$default"])

    assert isinstance(found, Grants)
    assert found.deny == (*EMPTY, "GET/b/*/*")
    assert found.allows("GET/b/1")
    assert not found.allows("GET/b/")
    assert not found.allows("GET/b/1/2")


def test_routes_that_are_not_known() -> None:
    """Without the API's routes, nobody knows what a star would cover."""
    policy = policy_of("version: 1\ngroups:\n  g:\n    allow:\n      - GET /a\n")
    assert CallerDocuments(policy, None).of(("g",), (), PERSON) is Inexact.ROUTES_UNKNOWN


def test_a_machine_has_its_scopes() -> None:
    """Scopes grant to a token without a user, and to no other."""
    policy = policy_of("version: 1\nscopes:\n  s:\n    allow:\n      - GET /a\n")
    documents = CallerDocuments(policy, ["GET /a"])

    machine = documents.of((), ("s",), {"sub": "m", "client_id": "m"})
    person = documents.of((), ("s",), {"sub": "p", "client_id": "m", "username": "p"})
    assert (machine, person) == (Grants(allow=("GET/a",), deny=()), Grants(allow=(), deny=()))


def test_documents_are_remembered_for_alike_callers() -> None:
    """Groups and compared values make a caller; other claims do not, and memory has an end."""
    policy = policy_of('version: 1\ngroups:\n  g:\n    allow: ["GET /a/{x=sub}"]\n')
    documents = CallerDocuments(policy, ["GET /a/{x}"])
    first = documents.of(("g",), (), {"sub": "1", "jti": "x"})

    assert documents.of(("g",), (), {"sub": "1", "jti": "y"}) is first
    assert documents.of(("g",), (), {"sub": "2"}) != first
    for number in range(600):
        documents.of(("g",), (), {"sub": str(number)})
    assert documents.of(("g",), (), {"sub": "1"}) == first
    assert len(documents._made) <= 512


def test_a_document_names_api_and_stage() -> None:
    """Each ARN starts with the request's own; who is granted nothing is denied all of it."""
    some, none = Grants(allow=("GET/a",), deny=("GET/b",)), Grants(allow=(), deny=())

    assert [
        (statement["Effect"], statement["Resource"])
        for statement in some.document("arn:api/stage/")["Statement"]
    ] == [("Allow", ["arn:api/stage/GET/a"]), ("Deny", ["arn:api/stage/GET/b"])]
    assert none.document("arn:api/stage/")["Statement"] == [
        {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["arn:api/stage/*"]}
    ]


@pytest.mark.parametrize(
    ("glob", "words", "covered"),
    [
        ("GET/a", "GET/a", True),
        ("GET/a", "GET/b", False),
        ("GET/*", "GET/a", True),
        ("GET/*", "GET/", True),
        ("GET/*", "GET", False),
        ("GET/*", "GET/a/b", True),
        ("GET/*/b", "GET/a/c/b", True),
        ("GET/*/b", "GET/b", False),
        ("*/b", "GET/a/b", True),
        ("*/*", "GET", False),
    ],
)
def test_a_glob_covers_words(glob: str, words: str, covered: bool) -> None:  # noqa: FBT001
    """A star is one segment or more, and the segment may be empty."""
    assert covers(tuple(glob.split("/")), tuple(words.split("/"))) is covered


def test_a_shape_covers_shapes_of_its_length() -> None:
    """In a shape, a star is one segment."""
    assert covers_shape(("GET", "*"), ("GET", "a"))
    assert not covers_shape(("GET", "*"), ("GET", "a", "b"))
    assert not covers_shape(("GET", "a"), ("GET", "*"))


def test_what_a_glob_and_a_shape_share() -> None:
    """Each way in which the glob's stars can take the shape's segments."""
    take = Steps().take
    assert meet(("GET", "*", "b"), ("GET", "*", "*", "*"), take) == {("GET", "*", "*", "b")}
    assert meet(("*", "b"), ("GET", "*", "b"), take) == {("GET", "*", "b")}
    assert meet(("GET", "a"), ("GET", "b"), take) == set()
    assert meet(("GET",), ("GET", "b"), take) == set()
    assert meet(("GET",), ("GET", "", ""), take) == set()


def steps_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are counted from now on."""
    taken: list[int] = []
    original = Steps.take

    def take(steps: Steps, count: int) -> None:
        taken.append(count)
        original(steps, count)

    monkeypatch.setattr(Steps, "take", take)
    return taken


def test_many_parameters_beside_many_literals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two routes that share no word are soon told apart, in however many ways they might meet."""
    eight = "GET /" + "/".join(f"{{p{number}}}" for number in range(8))
    thirty = "GET /" + "/".join(f"w{number}" for number in range(30))
    taken = steps_of(monkeypatch)

    assert isinstance(grants([eight], [eight, thirty]), Grants)
    assert sum(taken) < 5_000


def test_what_is_said_many_times_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand rules of which few are distinct are no more work than these few."""
    routes = [f"GET /a{one}/b{two}" for one in range(17) for two in range(4)]
    rules = [f"{method} /a{one}/**" for one in range(17) for method in ("GET", "ANY")]
    taken = steps_of(monkeypatch)
    once = grants(rules, routes)
    few = sum(taken)

    assert isinstance(once, Grants)
    assert grants(rules * 100, routes) == once
    assert sum(taken) == 2 * few


def test_nobody_waits_for_what_takes_too_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is then for the request alone, on every machine alike."""
    monkeypatch.setattr("authorizer.policy.grants._MOST_STEPS", 2_000)
    taken = steps_of(monkeypatch)
    routes = [f"GET /x/{{a}}/y{number}" for number in range(300)]

    assert grants([*routes, "GET /x/**"], [*routes, "PUT /x/{a}/{b}"]) is Inexact.TOO_LARGE
    assert sum(taken) <= 2_000 + max(taken)


def test_routes_are_compared_with_few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a thousand routes begin alike makes no million comparisons for the first request."""
    compared = []

    def counting(one: Words, other: Words) -> bool:
        compared.append((one, other))
        return is_narrower(one, other)

    monkeypatch.setattr("authorizer.policy.known_routes.is_narrower", counting)
    routes = [f"GET /api/x{number}/{{id}}" for number in range(1_000)]
    routes += [f"GET /api/x{number}/me" for number in range(1_000)]

    assert isinstance(grants(["GET /api/x1/{id}"], routes), Grants)
    assert len(compared) <= 10 * len(routes)


def test_what_is_said_of_many_routes_is_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred groups with one rule for a thousand routes are little more work than one."""
    groups = [f"g{number}" for number in range(100)]
    routes = [f"ANY /x{number}/{{id}}" for number in range(1_000)]
    bodies = "".join(f'  {group}:\n    allow: ["ANY /**"]\n' for group in groups)
    documents = CallerDocuments(policy_of(f"version: 1\ngroups:\n{bodies}"), routes)
    taken = steps_of(monkeypatch)
    one = documents.of(groups[:1], (), {})
    few = sum(taken)

    assert isinstance(one, Grants)
    assert documents.of(groups, (), {}) == one
    assert sum(taken) <= 2 * few + len(groups)


def test_long_routes_count_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """To compare ninety segments takes longer than three: a step is as long for all of them."""
    taken = []
    for length in (3, 90):
        routes = [f"GET {'/a' * length}/x{number}" for number in range(20)]
        steps = steps_of(monkeypatch)
        assert isinstance(grants(["GET /**"], routes), Grants)
        taken.append(sum(steps))
    assert taken[1] > 2 * taken[0]


def test_nobody_waits_for_long_routes() -> None:
    """Two thousand routes of ninety segments each are more than a request should go through."""
    routes = [f"GET {'/a' * 90}/x{number}" for number in range(2_000)]
    assert grants(["GET /**"], routes) is Inexact.TOO_LARGE


def test_routes_are_compared_before_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """What depends on the policy alone is worked out when the function starts."""
    routes = ["GET /users/{id}", "GET /users/me"]
    policy = policy_of('version: 1\ngroups:\n  g:\n    allow: ["GET /users/me"]\n')
    documents = CallerDocuments(policy, routes)

    def compare(*_: object) -> bool:
        pytest.fail("a request compared routes")

    monkeypatch.setattr("authorizer.policy.known_routes.is_narrower", compare)
    assert isinstance(documents.of(["g"], (), {}), Grants)


def test_routes_that_have_nothing_in_common_take_no_steps() -> None:
    """Sixty own-record routes among three hundred have a document, as they had without a bound."""
    routes = [f"GET /{{tenant}}/x{number}/{{id}}" for number in range(300)]
    own = [f"GET /{{tenant=sub}}/x{number}/{{id}}" for number in range(60)]

    assert isinstance(grants(own, routes), Grants)


def test_an_api_of_thousands_of_routes_has_no_documents() -> None:
    """Just enough, and one too many: to prepare more would keep the first request waiting."""
    routes = [f"GET /x{number}" for number in range(2_000)]

    assert isinstance(grants(["GET /x1"], routes), Grants)
    assert grants(["GET /x1"], [*routes, "GET /y"]) is Inexact.TOO_LARGE


def test_a_hostile_path_is_compared_in_time() -> None:
    """A client may send thousands of segments that almost fit; there is one way back, not all."""
    glob = ("GET", *("*", "b") * 8, "c")
    assert not covers(glob, ("GET", *("b",) * 5_000))
    assert covers(glob, ("GET", *("b",) * 5_000, "c"))


def test_routes_of_many_parameters_have_a_document() -> None:
    """More than anybody has are gone through; with ever more, nobody waits for it."""

    def route(parameters: int) -> str:
        return "GET /" + "/".join(f"{{p{number}}}" for number in range(parameters))

    assert isinstance(grants([route(8)], [route(8)]), Grants)
    assert isinstance(grants([route(20)], [route(20), route(19)]), Grants)
    assert grants([route(90)], [route(90), route(89)]) is Inexact.TOO_LARGE


def test_a_document_of_too_many_resources_is_none() -> None:
    """Just enough, and one too many: an answer of that size could not be sent."""
    routes = [f"GET /x{number}" for number in range(151)]

    assert isinstance(grants(routes[:150], routes[:150]), Grants)
    assert grants(routes, routes) is Inexact.TOO_LARGE
