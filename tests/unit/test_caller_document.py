"""Documents for all that a caller may do: what is in them, and when there is none."""

from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest
from naive_policy import policy_of, read_document

from authorizer.cli.policy_file import with_routes
from authorizer.cli.policy_file.words import Index
from authorizer.gateway.iam import caller_document, remembered_document
from authorizer.policy.caller_document import CallerDocuments, Grants, Inexact, covers

# To make a table, or to give up, takes one or two on a quiet machine.
MOST_SECONDS = 20
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
    text = f"version: 1\ngroups:\n  g:\n    allow:{rules}\n    deny:{denies}\n"
    return CallerDocuments(policy_of(text, routes)).of(("g",), (), claims)


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
            ["GET /a/{x=sub}/{y=username}"],
            ["GET /a/{x}/{y}"],
            ["GET/a/me/someone"],
            [],
            id="two claims",
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
        pytest.param(["ANY /b"], ["DELETE /b"], ["*/b"], id="of one method among all"),
    ],
)
def test_a_deny(allow: list[str], deny: list[str], allowed: list[str]) -> None:
    """What a deny covers is not granted."""
    found = grants(allow, ["GET /a", "PUT /a", "ANY /b"], tuple(deny))

    assert isinstance(found, Grants), found
    assert list(found.allow) == allowed
    assert not found.allows("DELETE/b")


def test_a_deny_compares_a_claim_that_is_missing() -> None:
    """It denies nothing: no value of the parameter is what is not there."""
    found = grants(["GET /a/{x}"], ["GET /a/{x}"], ("GET /a/{x=missing}",))

    assert isinstance(found, Grants), found
    assert found.allow == ("GET/a/*",)


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
        pytest.param(
            ["GET /a/{x}"],
            ["ANY /a/{x}", "GET /{p+}"],
            ("GET /{y}/b",),
            PERSON,
            Inexact.PATH_DECIDES,
            id="any method, literal, beside a method, greedy",
        ),
        pytest.param(
            ["GET /a/{x}", "POST /a/b"],
            ["ANY /a/{x}", "GET /{p+}"],
            (),
            PERSON,
            Inexact.PATH_DECIDES,
            id="any method, beside a greedy route where a rule knows more of the path",
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
    assert CallerDocuments(policy).of(("g",), (), PERSON) is Inexact.ROUTES_UNKNOWN


def test_a_machine_has_its_scopes() -> None:
    """Scopes grant to a token without a user, and to no other."""
    policy = policy_of("version: 1\nscopes:\n  s:\n    allow:\n      - GET /a\n", ["GET /a"])
    documents = CallerDocuments(policy)

    machine = documents.of((), ("s",), {"sub": "m", "client_id": "m"})
    person = documents.of((), ("s",), {"sub": "p", "client_id": "m", "username": "p"})
    assert isinstance(machine, Grants)
    assert isinstance(person, Grants)
    assert (machine.allow, machine.deny) == (("GET/a",), ())
    assert (person.allow, person.deny) == ((), ())


def test_documents_are_remembered_for_alike_callers() -> None:
    """Groups and compared values make a caller; other claims do not, and memory has an end."""
    text = 'version: 1\ngroups:\n  g:\n    allow: ["GET /a/{x=sub}"]\n'
    documents = CallerDocuments(policy_of(text, ["GET /a/{x}"]))
    first = documents.of(("g",), (), {"sub": "1", "jti": "x"})

    assert documents.of(("g",), (), {"sub": "1", "jti": "y"}) is first
    assert documents.of(("g",), (), {"sub": "2"}) is not first
    for number in range(600):
        documents.of(("g",), (), {"sub": str(number)})
    again = documents.of(("g",), (), {"sub": "1"})
    assert isinstance(again, Grants)
    assert isinstance(first, Grants)
    assert (again.allow, again.deny) == (first.allow, first.deny)
    assert documents._remembered.cache_info().currsize == 512


def test_a_document_is_written_once_for_a_stage() -> None:
    """Its memory has an end, whoever makes up stages."""
    some = Grants(allow=("GET/a",), deny=("GET/b",))
    assert remembered_document("arn:api/s/", some) is remembered_document("arn:api/s/", some)
    for number in range(600):
        document, size = remembered_document(f"arn:api/{number}/", some)
        assert document == caller_document(f"arn:api/{number}/", some.allow, some.deny)
        assert size == len(json.dumps(document))
    assert remembered_document.cache_info().currsize <= 512


def test_a_document_names_api_and_stage() -> None:
    """Each ARN starts with the request's own; who is granted nothing is denied all of it."""
    some, none = Grants(allow=("GET/a",), deny=("GET/b",)), Grants(allow=(), deny=())

    assert [
        (statement["Effect"], statement["Resource"])
        for statement in caller_document("arn:api/stage/", some.allow, some.deny)["Statement"]
    ] == [("Allow", ["arn:api/stage/GET/a"]), ("Deny", ["arn:api/stage/GET/b"])]
    assert caller_document("arn:api/stage/", none.allow, none.deny)["Statement"] == [
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
def test_a_glob_covers_a_resource(glob: str, words: str, covered: bool) -> None:  # noqa: FBT001
    """A star is any run of characters, as IAM has it: one segment or more, which may be empty."""
    assert covers(glob.split("*"), words) is covered


def test_a_hostile_path_is_compared_in_time() -> None:
    """A client may send thousands of segments that almost fit; there is no way back."""
    glob = ("GET/" + "*/b/" * 8 + "c").split("*")
    assert not covers(glob, "GET" + "/b" * 500_000)
    assert covers(glob, "GET" + "/b" * 500_000 + "/c")


def test_what_is_said_many_times_is_said_once() -> None:
    """Ten thousand rules of which few are distinct make the same document as these few."""
    routes = [f"GET /a{one}/b{two}" for one in range(17) for two in range(4)]
    rules = [f"{method} /a{one}/**" for one in range(17) for method in ("GET", "ANY")]

    few, many = grants(rules, routes), grants(rules * 100, routes)
    assert isinstance(few, Grants)
    assert isinstance(many, Grants)
    assert (many.allow, many.deny) == (few.allow, few.deny)


def test_routes_that_have_nothing_in_common() -> None:
    """Sixty own-record routes among three hundred have a document."""
    routes = [f"GET /{{tenant}}/x{number}/{{id}}" for number in range(300)]
    own = [f"GET /{{tenant=sub}}/x{number}/{{id}}" for number in range(60)]

    assert isinstance(grants(own, routes), Grants)


@pytest.mark.parametrize(
    ("words", "near"),
    [
        pytest.param("GET/r7", ["GET/r7", "*/r7"], id="a method"),
        pytest.param("*/r7", ["GET/r7", "*/r7"], id="all methods"),
        pytest.param("*/r7/*", ["GET/r7/x"], id="a star at either end"),
        pytest.param("GET/{sub}/r7/x", ["GET/*/r7/x", "GET/{id}/r7/x"], id="somebody's value"),
        pytest.param("GET/r7/x/y/z", ["GET/r7/*"], id="longer than any"),
    ],
)
def test_few_words_are_compared(words: str, near: list[str]) -> None:
    """Of thousands, those are found that have something in common, wherever the stars are."""
    others = [shape.replace("r7", f"r{number}") for number in range(20) for shape in near]
    index = Index(others, lambda shape: tuple(shape.split("/")))

    assert index.near(tuple(words.split("/"))) == near


def test_an_api_of_thousands_of_routes_has_no_documents() -> None:
    """Just enough, and one too many: the table would be larger than all else."""
    routes = [f"GET /x{number}" for number in range(2_000)]

    assert isinstance(grants(["GET /x1"], routes), Grants)
    assert grants(["GET /x1"], [*routes, "GET /y"]) is Inexact.TOO_LARGE


@pytest.mark.parametrize(
    ("allow", "routes", "kept_out", "granted"),
    [
        (
            ["GET /u/{id}/{k}", "PUT /b/**"],
            ["GET /u/{id}", "GET /u/{id}/{k}", "PUT /b/"],
            "GET/u/1/",
            "PUT/b/",
        ),
        (["ANY /", "PUT /b/**"], ["ANY /", "GET /a", "PUT /b/"], "GET/a/", "PUT/b/"),
        (
            ["ANY /{x}/**"],
            ["ANY /{x}/", "GET /{x}/a/{y}", "GET /b/b/{x}"],
            "GET/b/b/1/",
            "PUT/a/",
        ),
    ],
)
def test_a_slash_at_the_end_is_kept_out(
    allow: list[str], routes: list[str], kept_out: str, granted: str
) -> None:
    """Beside a granted route that ends in one, others are denied with a slash too many."""
    found = grants(allow, routes)

    assert isinstance(found, Grants)
    assert found.allows(granted)
    assert not found.allows(kept_out)


def test_a_table_is_read_in_a_moment() -> None:
    """Many routes that rules treat alike have one; with each method on its own it is too large."""
    routes = [f"ANY /r{number}" for number in range(300)]
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    assert isinstance(grants(["ANY /**"], routes), Grants)
    start = process_time()
    assert grants([f"{method} /**" for method in methods], routes) is Inexact.TOO_LARGE
    assert process_time() - start < MOST_SECONDS


def test_routes_that_rules_cover_too_often_have_no_table() -> None:
    """Nobody waits for what tells apart the methods of routes that a thousand groups may call."""
    rules = "".join(f"  g{n}:\n    allow: [GET /**, PUT /**]\n" for n in range(1_000))
    routes = [f"ANY /r{number}" for number in range(501)]
    document, problems = read_document(f"version: 1\ngroups:\n{rules}".encode())
    assert problems == []

    start = process_time()
    assert with_routes(document, routes)["callers"] is None
    assert process_time() - start < MOST_SECONDS


def test_routes_of_many_parameters_have_a_document() -> None:
    """However many they are: there is one way in which they meet."""

    def route(parameters: int) -> str:
        return "GET /" + "/".join(f"{{p{number}}}" for number in range(parameters))

    assert isinstance(grants([route(8)], [route(8)]), Grants)
    assert isinstance(grants([route(90)], [route(90), route(89)]), Grants)


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        pytest.param("GET /{kind}/{id=sub}", "GET/*/me", id="a value below"),
        pytest.param("GET /{kind}/{id=username}", None, id="the name of another route"),
        pytest.param("GET /{kind}/{id=locale}", None, id="a literal of another route"),
    ],
)
def test_a_value_that_is_a_word_of_a_route(rule: str, allowed: str | None) -> None:
    """What the globs cover was found out without the values: none of them may be a literal."""
    claims = {"sub": "me", "username": "keys", "locale": "a"}
    found = grants(
        [rule], ["GET /{kind}/{id}", "GET /{kind}/{id}/keys", "GET /{x}/{y}/a"], (), claims
    )

    if allowed is None:
        assert found is Inexact.CLAIM_NOT_LITERAL
    else:
        assert isinstance(found, Grants)
        assert found.allow == (allowed,)


@pytest.mark.parametrize(
    ("allow", "routes", "few"),
    [
        pytest.param(
            [f"GET /n{number}" for number in range(9)],
            [f"GET /n{number}" for number in range(10)],
            (["GET/*"], ["*//*", "*/*/", "GET/n9"]),
            id="all but one",
        ),
        pytest.param(
            [f"GET /n{number}" for number in range(5)],
            [f"GET /n{number}" for number in range(10)],
            ([f"GET/n{number}" for number in range(5)], []),
            id="half of them",
        ),
        pytest.param(
            [f"{method} /n{number}" for number in range(9) for method in ("GET", "PUT")],
            [f"{method} /n{number}" for number in range(9) for method in ("GET", "PUT")],
            (["GET/*", "PUT/*"], ["*//*", "*/*/"]),
            id="not all methods in one",
        ),
        pytest.param(
            [f"GET /a/{{id}}/n{number}" for number in range(3)],
            [f"GET /a/{{id}}/n{number}" for number in range(3)],
            (["GET/a/*"], ["*//*", "*/*/"]),
            id="below a noun, without what is longer",
        ),
    ],
)
def test_the_same_in_fewer_globs(
    allow: list[str], routes: list[str], few: tuple[list[str], list[str]]
) -> None:
    """One for several parts where that takes fewer denies than it saves; for no two methods."""
    found = grants(allow, routes)

    assert isinstance(found, Grants)
    assert found.smaller is not None
    assert (list(found.smaller.allow), list(found.smaller.deny)) == few


def test_a_document_of_too_many_resources_is_none() -> None:
    """Just enough, and one too many: an answer of that size could not be sent."""
    routes = [f"GET /x{number}" for number in range(302)]

    assert isinstance(grants(routes[:300:2], routes), Grants)
    assert grants(routes[::2], routes) is Inexact.TOO_LARGE
    assert isinstance(grants(routes[:-1], routes), Grants)  # in fewer globs


def test_routes_that_meet_in_too_many_ways_have_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would take minutes is not worked out; then, nothing but requests is answered for."""
    monkeypatch.setattr("authorizer.cli.policy_file.words._MOST_WAYS", 2)
    routes = ["GET /{a}/b/{c}/{d}", "GET /{a}/b/{c}", "GET /b/{a}/b/{c}/b"]

    assert grants(["GET /{a}/b/{c}"], [*routes, "GET /{p}/{q}/{r}/{s}/{t}"]) is Inexact.TOO_LARGE


def test_many_spots_are_told_by_their_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes that begin with a parameter meet in very many words: then in whole routes."""
    routes = [f"GET /{{t}}/x{number}{path}" for number in range(4) for path in ("", "/{id}/{k}")]
    fine = grants(["GET /{t}/x0", "GET /{t}/x0/{id}/{k}"], routes)
    monkeypatch.setattr("authorizer.cli.policy_file.caller_table._MANY_SPOTS", -100)
    coarse = grants(["GET /{t}/x0", "GET /{t}/x0/{id}/{k}"], routes)

    assert isinstance(fine, Grants)
    assert isinstance(coarse, Grants | Inexact)
    monkeypatch.setattr("authorizer.cli.policy_file.caller_table._MOST_SPOTS", 3)
    assert grants(["GET /{t}/x0"], routes) is Inexact.TOO_LARGE
