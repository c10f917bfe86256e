"""The playground's web server and what stands behind it; the page itself is tried in a browser."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from simulator import Cognito, serve_jwks
from starlette.testclient import TestClient

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.sessions import Target
from authorizer.cli.analysis.request import Caller
from authorizer.cli.options import open_api
from authorizer.cli.playground.exchange import Visitor
from authorizer.cli.playground.page import LANGUAGES, language, preferred_language
from authorizer.cli.playground.server import Playground, application, served
from authorizer.cli.playground.stage import Stage
from authorizer.cli.playground.tokens import Attack, judge, own_keys, spoil
from authorizer.errors import ConfigurationError, Reason
from authorizer.tokens.jwks import JwksCache

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authorizer.cli.template.model import Api, Template

PROJECT = Path(__file__).parents[2]
PORT = 8787
HERE = f"http://127.0.0.1:{PORT}"
# What the printed address has, and nobody else on the machine knows.
KEY = "key-of-this-run"
# Which step notices what, and why.
NOTICED = {
    Attack.CUT: (1, Reason.TOKEN_NOT_COMPACT),
    Attack.ALG_NONE: (2, Reason.ALGORITHM_NOT_ALLOWED),
    Attack.OTHER_KEY: (3, Reason.KEY_UNKNOWN),
    Attack.CHANGED: (4, Reason.SIGNATURE_INVALID),
    Attack.EXPIRED: (5, Reason.EXPIRED),
    Attack.OTHER_CLIENT: (5, Reason.CLIENT_UNKNOWN),
    Attack.ID_TOKEN: (5, Reason.TOKEN_USE_WRONG),
}
FOREIGN = "<script>alert(1)</script>"


@cache
def sample_api() -> tuple[Template, Api]:
    return open_api(PROJECT / "template.yaml", None) or pytest.fail("no API")


class World:
    """A pool, an API that answers everybody, and a project: all that the page is about."""

    def __init__(self, folder: Path, api_url: str, jwks_url: str) -> None:
        self.cognito, now = Cognito(), int(time.time())
        self.times = {"iat": now - 60, "auth_time": now - 60, "exp": now + 3540}
        self.policy = folder / "policy.yaml"
        self.in_force: list[bytes] = []
        people = {"alice": ("reader",), "edgar": ("editor",), "sam": ("suspended", "admin")}
        self.stage = Stage(
            target=Target(region="eu-west-1", client_id=self.cognito.client_id),
            pool=self.cognito.pool(jwks_url=jwks_url),
            api_url=api_url,
            policy=self.policy,
            opened=sample_api(),
            samples={name: self.caller(name, groups) for name, groups in people.items()},
            sign_in=lambda name: (
                self.token(cognito_groups=list(people[name])),
                self.cognito.id_token(**self.times),
            ),
            put_in_force=self.in_force.append,
        )

    def caller(self, name: str, groups: tuple[str, ...]) -> Caller:
        return Caller(groups=groups, claims={"sub": f"id-of-{name}", "username": name})

    def token(self, **changes: Any) -> str:
        return self.cognito.token(**self.times | changes)


@contextmanager
def serve_api() -> Iterator[tuple[str, list[Mapping[str, str]]]]:
    """A real HTTP server that lets everybody in, and keeps the headers that it got."""
    seen: list[Mapping[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            body = json.dumps({"path": self.path, "foreign": FOREIGN}).encode()
            if self.path.endswith("/nested"):
                body = b"[" * 4000 + b"]" * 4000
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the server's own spelling

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, list[Mapping[str, str]], str]]:
    with serve_api() as (url, seen), serve_jwks(Cognito().jwks()) as keys:
        yield url, seen, keys.url


@pytest.fixture
def world(tmp_path: Path, outside: tuple[str, list[Mapping[str, str]], str]) -> World:
    shutil.copy(PROJECT / "policy.yaml", tmp_path)
    return World(tmp_path, outside[0], outside[2])


@pytest.fixture(scope="module")
def playground(
    tmp_path_factory: pytest.TempPathFactory, outside: tuple[str, list[Mapping[str, str]], str]
) -> Playground:
    """For whoever leaves the policy as it is: it is read once."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT / "policy.yaml", folder)
    return Playground(World(folder, outside[0], outside[2]).stage)


@pytest.fixture
def client(playground: Playground) -> TestClient:
    """A browser of its own, and a site without any other visitors."""
    return browser_of(playground)


def browser_of(playground: Playground) -> TestClient:
    headers = {"Origin": HERE}
    return TestClient(
        application(playground, PORT, KEY), base_url=f"{HERE}/{KEY}/", headers=headers
    )


# --- safety ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (f"127.0.0.1:{PORT}", 200),
        (f"localhost:{PORT}", 200),
        ("127.0.0.1", 421),
        (f"127.0.0.1:{PORT + 1}", 421),
        (f"attacker.example:{PORT}", 421),
        (f"127.0.0.1.attacker.example:{PORT}", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("path", ["/", "/version", "/page.js"])
def test_only_this_machines_own_name_is_answered(
    client: TestClient, host: str, status: int, path: str
) -> None:
    """A name of the attacker's that resolves to loopback gets nothing (DNS rebinding)."""
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == status
    assert status == 200 or ("set-cookie" not in answer.headers and len(answer.text) < 200)


@pytest.mark.parametrize("path", ["/", f"/{KEY}", "/style.css", "/other/", f"//{KEY}/", "/%2e/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whoever_was_not_told_the_address_gets_nothing(
    client: TestClient, method: str, path: str
) -> None:
    """Others who use this machine reach the port, too; and so does a page with pictures of it."""
    answer = client.request(method, f"{HERE}{path}", follow_redirects=False)
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers
    assert len(answer.text) < 200


@pytest.mark.parametrize(
    "origin", ["http://attacker.example", "null", "", f"http://localhost:{PORT}", f"{HERE}/", None]
)
def test_only_this_page_changes_anything(client: TestClient, origin: str | None) -> None:
    """What another page sends is refused, and so is what does not say where it comes from."""
    if origin is None:
        del client.headers["Origin"]
    headers = {} if origin is None else {"Origin": origin}
    assert client.get("/").status_code == 200
    answer = client.post("/sign-in", data={"sample": "alice"}, headers=headers)
    assert answer.status_code == 403
    assert "You are nobody" in client.get("/").text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/version"),
        ("GET", "/page.css"),
        ("GET", "/nothing"),
        ("PUT", "/"),
        ("GET", "/sign-in"),
        ("OPTIONS", "/sign-in"),
        ("POST", "/sign-out"),
    ],
)
def test_every_answer_is_for_this_page_alone(client: TestClient, method: str, path: str) -> None:
    """Nothing but the page's own script and style runs, and no other page may read or frame it."""
    headers = client.request(method, path, follow_redirects=False).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert not [name for name in headers if name.startswith("access-control-")]


def test_a_browser_gets_no_token(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    """Not in HTML, in an address, in a header or a cookie, nor does a log; whatever is done."""
    answers = [client.get("/")]
    for path, form in (
        ("/sign-in", {"sample": "alice"}),
        ("/send", {"route": "GET /hello"}),
        *(("/spoil", {"attack": str(attack)}) for attack in Attack),
        ("/send", {"route": "GET /hello"}),
    ):
        redirect = client.post(path, data=form, follow_redirects=False)
        assert (redirect.status_code, redirect.headers["location"]) == (303, "./")
        answers += [redirect, client.get("/")]

    said = "".join(answer.text + str(answer.headers) for answer in answers)
    assert "alice" in said
    assert "eyJ" not in said  # what every token begins with
    assert "".join(capfd.readouterr()) == ""


def test_a_session_is_a_random_name_that_scripts_cannot_read(client: TestClient) -> None:
    """Nobody guesses it, no other page sends it, and another browser is another person."""
    cookie = client.get("/").headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == f"playground-{PORT}"
    assert len(rest.partition(";")[0]) >= 43
    assert {"HttpOnly", f"Path=/{KEY}/", "SameSite=strict"} <= {
        part.strip() for part in rest.split(";")
    }

    client.post("/sign-in", data={"sample": "alice"})
    assert "You are signed in as alice" in client.get("/").text
    client.cookies.clear()
    assert "You are nobody" in client.get("/").text
    client.cookies.set(name, "guessed")
    assert "guessed" not in client.get("/").headers["set-cookie"]


def test_sessions_are_few(client: TestClient) -> None:
    """Whoever never keeps the cookie does not fill the memory; the last ones are kept."""
    client.post("/sign-in", data={"sample": "alice"})
    name, mine = next(iter(client.cookies.items()))
    for visitors, who in ((63, "signed in as alice"), (1, "nobody")):
        for _ in range(visitors):
            client.cookies.clear()
            client.post("/sign-out", follow_redirects=False)
        client.cookies.clear()
        client.cookies.set(name, mine)
        assert f"You are {who}" in client.get("/").text


@pytest.mark.parametrize(("length", "status"), [(65_000, 303), (65_600, 413), (9_000_000, 413)])
def test_a_body_is_bounded(client: TestClient, length: int, status: int) -> None:
    """Just enough, just too much, and far too much."""
    body = b"token=" + b"a" * (length - 6)
    answer = client.post("/paste", content=body, follow_redirects=False)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/nothing", b""),
        ("/send", b"route=GET+/nothing"),
        ("/send", b"\xff\x00%zz&&==;"),
        ("/sign-in", b"sample=nobody-of-that-name"),
        ("/sign-in", b"username=&password="),
        ("/paste", b"token=+Bearer++"),
        ("/example", b"example=something"),
        ("/choose", b""),
        ("/spoil", b"attack=unheard-of"),
    ],
)
def test_a_form_that_no_button_sends_breaks_nothing(
    client: TestClient, path: str, body: bytes
) -> None:
    """It is said, or nothing happens."""
    assert client.post(path, content=body).status_code == 200


@pytest.mark.parametrize("token", ["a.b.c", FOREIGN, "..", "é", "x" * 9000, "Bearer e30.e30.e30"])
def test_whatever_is_pasted_is_judged_and_escaped(
    client: TestClient, world: World, token: str
) -> None:
    """Garbage fails at a step; what it says is text, and nothing that a browser runs."""
    page = client.post("/paste", data={"token": token}).text
    assert "The token is refused at step" in page
    claims = {"sub": FOREIGN, FOREIGN: FOREIGN, "cognito:groups": [FOREIGN], "exp": FOREIGN}
    page = client.post("/paste", data={"token": world.cognito.sign(claims)}).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page


def test_an_apis_answer_is_escaped(client: TestClient) -> None:
    """The API's body is shown, and does nothing."""
    client.post("/sign-in", data={"sample": "alice"})
    page = client.post("/send", data={"route": "GET /hello"}).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page


def test_it_listens_on_loopback_until_it_ends(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    """A real server, of this machine alone; what is no HTTP is refused, and nothing is printed."""
    with served(Playground(world.stage)) as url:
        place = urlsplit(url)
        assert place.hostname == "127.0.0.1"
        assert len(place.path) == len("/") + 22 + len("/")  # 128 bits
        connection = http.client.HTTPConnection(str(place.hostname), place.port or 0, timeout=10)
        connection.request("GET", place.path)
        answer = connection.getresponse()
        assert answer.status == 200
        assert "server" not in answer.headers
        assert b"Who may do what" in answer.read()
        connection.request("GET", place.path, headers={"Host": "attacker.example"})
        assert connection.getresponse().status == 421
        connection.close()
        with pytest.raises(ConfigurationError, match="expected a free port"):
            served(Playground(world.stage), place.port or 0).__enter__()
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.1", place.port or 0, timeout=10).request("GET", "/")
    assert "".join(capfd.readouterr()) == ""


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_id_token", [True, False])
@pytest.mark.parametrize("attack", Attack)
def test_each_spoilt_token_comes_as_far_as_it_should(
    world: World, attack: Attack, *, has_id_token: bool
) -> None:
    """One thing is wrong: every step before passes, and the one that is for it says why."""
    pool = world.stage.pool
    tokens = (world.token(), world.cognito.id_token(**world.times) if has_id_token else None)
    token, is_own = spoil(attack, tokens, ["admin"])
    judged, times = judge(token, pool, own_keys(pool) if is_own else JwksCache())
    step, reason = NOTICED[attack]
    assert (judged.verification.passed, judged.verification.reason) == (step - 1, reason)
    assert all(seconds >= 0 for seconds in times)
    # What is signed here is never good for anybody else.
    elsewhere, _ = judge(token, pool, JwksCache())
    assert not elsewhere.verification.is_good


@pytest.mark.parametrize("attack", Attack)
def test_what_a_bad_token_claims_counts_for_nothing(client: TestClient, attack: Attack) -> None:
    """Its bearer is nobody, in the matrix as for the API; and the page says what a 403 is then."""
    own = re.compile(
        r'class="own-column"><span class="kind">[^<]*</span><span class="subject">(\w+)'
    )
    page = client.post("/sign-in", data={"sample": "alice"}).text
    assert "its bearer is nobody" not in page
    assert own.findall(page) == ["reader"]
    page = client.post("/spoil", data={"attack": str(attack)}).text
    assert "its bearer is nobody" in page
    assert own.findall(page) == ["everyone"]


def test_each_step_has_its_own_time(world: World) -> None:
    """Steps 1 and 2 together, then key, signature and claims; together no more than it all took."""
    started = time.perf_counter()
    judged, times = judge(world.token(), world.stage.pool, JwksCache())
    all_seconds = time.perf_counter() - started
    assert judged.is_proved
    assert len(times) == 4
    assert all(seconds > 0 for seconds in times)
    assert sum(times) <= all_seconds


def test_nothing_is_said_without_keys(world: World) -> None:
    """Where the pool's keys cannot be had, nobody can say whether a token is good."""
    pool = world.cognito.pool(jwks_url="http://127.0.0.1:9/jwks.json")
    judged, _ = judge(world.token(), pool, JwksCache())
    assert (judged.verification.passed, judged.verification.reason) == (2, None)
    assert not judged.verification.is_good


# --- requests -------------------------------------------------------------------------------------


def test_a_request_is_really_sent(
    client: TestClient, outside: tuple[str, list[Mapping[str, str]], str]
) -> None:
    """With the token that is looked at, or with none; parameters are put in, and encoded."""
    seen = outside[1]
    seen.clear()
    page = client.post("/send", data={"route": "GET /articles/{id}", "id": "a b/?"}).text
    assert "Authorization" not in seen[0]
    assert "/articles/a%20b%2F%3F" in page
    client.post("/sign-in", data={"sample": "alice"})
    client.post("/send", data={"route": "GET /hello"})
    assert seen[1]["Authorization"].startswith("Bearer eyJ")


def test_an_answer_that_is_nested_too_deeply_is_shown_as_it_is(client: TestClient) -> None:
    """No parser reads it, and the page has it all the same."""
    answer = client.post("/send", data={"route": "GET /articles/{id}", "id": "nested"})
    assert answer.status_code == 200
    assert "[" * 4000 in answer.text


def test_a_status_that_does_not_fit_is_told_of(client: TestClient) -> None:
    """The API here lets everybody in: what the policy says, and what came, are two things."""
    page = client.post("/example", data={"example": "denied"}).text
    assert "The status is not what the policy on this page says" in page
    page = client.post("/example", data={"example": "allowed"}).text
    assert "The status is not what the policy on this page says" not in page


def test_the_examples_differ_in_who_asks_alone(client: TestClient) -> None:
    """One request: by nobody, by who may not, by who may. Somebody who is in a group at that."""
    page = client.get("/").text
    tiles = page.partition('class="examples"')[2].partition("</section>")[0]
    assert tiles.count("<code>POST /") == 3
    assert [name for name in ("nobody", "alice", "edgar") if f'chip">{name}<' in tiles] == [
        "nobody",
        "alice",
        "edgar",
    ]


def test_without_samples_the_examples_are_of_who_signed_in(world: World) -> None:
    """Against a deployed API there are none; nobody is told to sign in first."""
    playground = Playground(replace(world.stage, samples={}, put_in_force=None))
    visitor = Visitor(language="en")
    page = playground.page(visitor)
    assert page.count("Sign in first") == 2
    playground.act("example", visitor, {"example": "allowed"})
    assert "sign in first" in visitor.trouble
    visitor.hold("alice", (world.token(), None))
    page = playground.page(visitor)
    assert "Sign in first" not in page
    playground.act("example", visitor, {"example": "denied"})
    assert visitor.exchange is not None
    assert visitor.exchange.who == "alice"
    assert visitor.exchange.is_remembered is None


def test_who_cannot_sign_in_reads_why(world: World) -> None:
    """What the sign-in says stands on the page, and nobody is signed in."""

    def refuse(name: str) -> Any:
        raise AccountError(f"{name} is gone")

    client = browser_of(Playground(replace(world.stage, sign_in=refuse)))
    page = client.post("/sign-in", data={"sample": "alice"}).text
    assert "alice is gone" in page
    assert "You are nobody" in page


# --- the policy's file ----------------------------------------------------------------------------


def test_a_policy_is_put_in_force_when_it_is_good(world: World) -> None:
    """A change is shown with who gains; a mistake with its line, and then the last good one is."""
    client = browser_of(Playground(world.stage))
    good = world.policy.read_text()
    assert client.get("/version").json() == 1
    world.policy.write_text(good.replace("- GET /hello", "- GET,POST /articles", 1))
    page = client.get("/").text
    assert client.get("/version").json() == 2
    assert len(world.in_force) == 1
    assert "Gains:" in page
    assert "Loses:" in page

    world.policy.write_text(good.replace("GET /hello", "GTE /hello", 1))
    page = client.get("/").text
    assert "found &#39;GTE&#39;" in page
    assert "← here" in page
    assert len(world.in_force) == 1

    world.policy.unlink()
    assert "has a mistake" in client.get("/").text
    world.policy.write_text(good)
    page = client.get("/").text
    assert client.get("/version").json() == 5
    assert "has a mistake" not in page
    assert len(world.in_force) == 2


def test_a_policy_that_cannot_be_put_in_force_is_not(world: World) -> None:
    """What the emulator says of it stands on the page, and the last one stays."""

    def refuse(_compiled: bytes) -> None:
        raise ConfigurationError(["no room"])

    playground = Playground(replace(world.stage, put_in_force=refuse))
    before = playground.policy.look()
    world.policy.write_text(world.policy.read_text().replace("GET /hello", "PUT /hello"))
    after = playground.policy.look()
    assert after.problems == ((None, "no room"),)
    assert after.simulator is before.simulator


def test_a_project_that_cannot_be_read_has_no_page(world: World) -> None:
    """At the start there is no last good policy."""
    world.policy.write_text("groups: [")
    with pytest.raises(ConfigurationError, match=r"policy\.yaml:1"):
        Playground(world.stage)


@pytest.mark.parametrize(
    "name", ["examples/websocket/template.yaml", "tests/templates/real/http-globals.yaml"]
)
def test_an_api_that_asks_nobody_of_ours_has_no_page(world: World, name: str) -> None:
    """There would be nothing to see: it says what was expected."""
    opened = open_api(PROJECT / name, None) or pytest.fail("no API")
    with pytest.raises(ConfigurationError, match="expected an HTTP or a REST API with a route"):
        Playground(replace(world.stage, opened=opened))


# --- languages ------------------------------------------------------------------------------------


def shape_of(sentences: Any) -> Any:
    """The keys, and how many values each sentence has room for."""
    if isinstance(sentences, dict):
        return {name: shape_of(value) for name, value in sentences.items()}
    if isinstance(sentences, list):
        return [shape_of(value) for value in sentences]
    return sentences.count("%s")


def test_languages_say_the_same() -> None:
    """No sentence is missing, and none has room for more or less.

    English has the tools' own words for claims and for what would have to differ.
    """
    shapes = [shape_of(language(name)) for name in LANGUAGES]
    for shape in shapes:
        for of_the_tools in ("header", "claims", "nearest"):
            shape.pop(of_the_tools)
    assert shapes[0] == shapes[1]
    assert set(language("en")["reasons"]) == set(Reason)
    assert set(language("en")["attacks"]) == set(Attack)


@pytest.mark.parametrize(
    ("accepted", "name"),
    [
        ("", "en"),
        ("de", "en"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-TW"),
        ("de, zh-Hant;q=0.5", "zh-TW"),
        ("en-GB,zh;q=0.9", "en"),
        (",;=\x00", "en"),
    ],
)
def test_a_browsers_language_is_the_first(accepted: str, name: str) -> None:
    """The first that we have; English where there is none."""
    assert preferred_language(accepted) == name


def test_a_link_changes_the_language(client: TestClient) -> None:
    """And it stays so."""
    assert '<html lang="zh-TW">' in client.get("/?language=zh-TW").text
    assert '<html lang="zh-TW">' in client.get("/").text
    assert '<html lang="zh-TW">' in client.get("/?language=xx").text
    assert '<html lang="en">' in client.get("/?language=en").text
