"""``authorizer smoke`` against an API that has one fault at a time, over real HTTP."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from loopback import listening
from simulator import Cognito

from authorizer.cli.account import http_client
from authorizer.cli.account.verification import CLAIMS, read_part
from authorizer.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = """
version: 1
public: [GET /health, ANY /files/x]
groups:
  reader: {allow: ["GET /articles/{id}", "GET /users/{user=sub}"]}
  admin: {includes: [reader], allow: ["GET /admin", "POST /articles/{id}"]}
"""
ROUTES = (
    *("GET /health", "GET /articles/{id}", "GET /users/{user}", "GET /admin"),
    *("POST /articles/{id}", "ANY /files/x", "GET /files/{proxy+}"),
)
PUBLIC = {"GET /health", "ANY /files/x"}
SUBS = {"reader": "11111111-aaaa-4bbb-8ccc-222222222222", "admin": "33333333-dddd-4eee-8fff-444444"}
MESSAGES = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}


def token_of(group: str) -> str:
    """A token of somebody in the group; who they are must not be told."""
    claims = {"exp": int(time.time()) + 3600, "cognito_groups": [group], "sub": SUBS[group]}
    return Cognito().token(username=f"secret-{group}", **claims)


@dataclass
class Api:
    """An HTTP API with simple answers, as a client sees it; what it forgets is ``fault``."""

    fault: str = ""
    origin: str = "http://localhost:3000"
    received: list[tuple[str, str, str]] = field(default_factory=list)
    remembered: dict[tuple[str, ...], bool] = field(default_factory=dict)
    url: str = ""

    def status(self, method: str, path: str, authorization: str) -> int:  # noqa: C901, PLR0911
        route = self.route(method, path)
        if method == "OPTIONS":
            return {"preflight guarded": 401, "preflight nowhere": 404}.get(self.fault, 204)
        if self.fault == "public route fails" and route == "ANY /files/x":
            return 500
        if not route or route in PUBLIC:
            return 200 if route else 404
        if self.fault == "open route" and route == "GET /admin":
            return 200
        if not authorization:
            return 401
        if self.fault == "missing permission":
            return 500
        is_bad = authorization.count(".") != 2 or '"id"' in str(self.claims(authorization))
        if is_bad and self.fault in {"raised is 500", "bad tokens let in"}:
            return 500 if self.fault == "raised is 500" else 200
        key: tuple[str, ...] = (authorization,)
        if not self.fault.startswith("kept"):
            key += (route, path)
        if key not in self.remembered:
            self.remembered[key] = not is_bad and self.decide(route, path, authorization)
        allowed = self.remembered[key]
        if self.fault == "kept for one request" and allowed:
            self.remembered[key] = False
        return 200 if allowed else 403

    def route(self, method: str, path: str) -> str:
        first, *rest = path[1:].split("/")
        if self.fault == "other spelling opens" and first.startswith("%"):
            return "GET /health"
        if self.fault == "route missing" and first == "users":
            return ""
        if first == "files" and (rest != ["x"] or self.fault == "greedy first"):
            return "GET /files/{proxy+}"
        places = {
            ("health", 0): "GET /health",
            ("admin", 0): "GET /admin",
            ("articles", 1): f"{method} /articles/{{id}}",
            ("users", 1): "GET /users/{user}",
            ("files", 1): "ANY /files/x",
        }
        return places.get((first, len(rest)), "")

    def decide(self, route: str, path: str, authorization: str) -> bool:
        claims = self.claims(authorization)
        groups = claims.get("cognito:groups", [])
        if self.fault == "wrong pool" or not groups:
            return False
        if self.fault == "other policy" and route == "GET /admin":
            return True
        if route == "GET /users/{user}":
            return path.endswith(f"/{claims['sub']}")
        is_admins = route in {"GET /admin", "POST /articles/{id}"}
        return route == "GET /articles/{id}" or ("admin" in groups and is_admins)

    @staticmethod
    def claims(authorization: str) -> dict[str, Any]:
        return read_part(authorization.rpartition(" ")[2], CLAIMS) or {}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        authorization = handler.headers.get("Authorization", "")
        path = handler.requestline.split()[1]  # "path" has one slash in the place of two
        self.received.append((handler.command, path, authorization))
        status = self.status(handler.command, path, authorization)
        body = json.dumps({"message": MESSAGES[status]} if status in MESSAGES else {}).encode()
        handler.send_response(status, "\x1b[31mred")
        if status == 204:
            body = b""
            handler.send_header("Access-Control-Allow-Origin", self.origin)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serve(fault: str = "") -> Iterator[Api]:
    api = Api(fault=fault)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.answer(self)

        do_POST = do_OPTIONS = do_GET  # noqa: N815 - the server's own spelling

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with listening(Handler) as api.url:
        yield api


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of what is deployed, in the folder at hand."""
    function: dict[str, Any] = {"Runtime": "python3.14", "CodeUri": ".", "Handler": "a.handler"}
    pools = {"Variables": {"AUTHORIZER_USER_POOLS": "eu-west-1_Theirs=client"}}
    authorizer = {
        "FunctionArn": {"Fn::GetAtt": ["Rbac", "Arn"]},
        "AuthorizerPayloadFormatVersion": "2.0",
        "EnableSimpleResponses": True,
        "Identity": {"Headers": ["Authorization"], "Context": ["routeKey"], "ReauthorizeEvery": 60},
    }
    events = {
        f"E{number}": {
            "Type": "HttpApi",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "Method": key.split()[0],
                "Path": key.split()[1],
                **({"Auth": {"Authorizer": "NONE"}} if key in PUBLIC else {}),
            },
        }
        for number, key in enumerate(ROUTES)
    }
    auth = {"DefaultAuthorizer": "Rbac", "Authorizers": {"Rbac": authorizer}}
    cors = {"AllowOrigins": ["http://localhost:3000"], "AllowHeaders": ["authorization"]}
    resources = {
        "Api": {
            "Type": "AWS::Serverless::HttpApi",
            "Properties": {"Auth": auth, "CorsConfiguration": cors},
        },
        "Rbac": {
            "Type": "AWS::Serverless::Function",
            "Properties": {**function, "Environment": pools},
        },
        "Backend": {
            "Type": "AWS::Serverless::Function",
            "Properties": {**function, "Events": events},
        },
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
    (tmp_path / "template.yaml").write_text(json.dumps(template))
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def smoke(url: str, *arguments: str, groups: tuple[str, ...] = ("reader", "admin")) -> Result:
    typed = "\n".join(map(token_of, groups))
    command = ["smoke", "--url", url, "--token-from", "-", *arguments]
    return CliRunner().invoke(cli, command, input=typed)


def faults(project: Path) -> set[str]:
    told = json.loads((project / "smoke-report.json").read_text())
    every = [*told["requests"], *told["findings"].values()]
    return {each["fault"] for each in every} - {None}


def answers(project: Path) -> dict[str, str]:
    told = json.loads((project / "smoke-report.json").read_text())
    return {question: each["answer"] for question, each in told["findings"].items()}


def test_an_api_without_faults(project: Path) -> None:
    """Nothing is wrong, and what nobody has documented is told."""
    with serve() as api:
        result = smoke(api.url)
    assert (result.exit_code, faults(project)) == (0, set()), result.output
    found = answers(project)
    assert found.pop("kept") in {"yes", "cannot be told"}
    assert found == {
        "missing_token": "401",
        "bad_token": "403",
        "raised_unauthorized": "not tried",
        "kept_across_routes": "no",
        "preflight": "works",
        "percent_encoded": "no",
        "slash_at_the_end": "no",
        "slash_doubled": "no",
        "dot_segment": "no",
        "greedy_before_any": "no",
    }


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        ("open route", "open_route", "open route: it answers without a token: GET /admin"),
        ("missing permission", "authorizer_fails", "missing permission"),
        ("wrong pool", "every_token_refused", "wrong pool"),
        ("bad tokens let in", "bad_token_let_in", "a bad token is let in"),
        ("raised is 500", "refusal_fails", "by a failure in the place of a refusal"),
        ("other policy", "policy_differs", "decides otherwise than policy and template say"),
        ("route missing", "route_missing", "a route of the template is not there"),
        ("preflight guarded", "preflight_refused", "preflight is refused"),
        ("other spelling opens", "other_spelling_opens", "let in where it is written otherwise"),
        ("kept for one request", "refusal_kept_across_routes", "a refusal, or an answer for one"),
    ],
)
def test_a_fault_is_named(project: Path, fault: str, expected: str, words: str) -> None:
    """It alone is told, in so many words, with what to do, and the exit code is 1."""
    with serve(fault) as api:
        result = smoke(api.url)
    assert (result.exit_code, faults(project)) == (1, {expected}), result.output
    assert words in " ".join(result.output.split())


def test_answers_kept_across_routes(project: Path) -> None:
    """An allowed answer that is reused for a denied route is told from another policy."""
    with serve("kept") as api:
        result = smoke(api.url)
    assert result.exit_code == 1
    assert faults(project) == {"allowed_answer_kept_across_routes", "refusal_kept_across_routes"}
    words = "answers are kept across routes: an allowed answer is reused for a route that is denied"
    assert words in " ".join(result.output.split())
    assert answers(project)["kept_across_routes"] == "yes"


def test_other_spellings_arrive_as_they_are_meant() -> None:
    """Nothing on the way decodes or tidies up a path."""
    with serve() as api:
        smoke(api.url)
    paths = {path for _, path, _ in api.received}
    assert {"/%61rticles/7", "/articles/7/", "//articles/7", "/./articles/7"} <= paths


def test_a_preflight_that_has_no_route(project: Path) -> None:
    """It asks nobody for a token: whether pages shall call the API is not for us to say."""
    with serve("preflight nowhere") as api:
        result = smoke(api.url)
    assert (result.exit_code, answers(project)["preflight"]) == (0, "404")


def test_a_greedy_route_that_goes_first(project: Path) -> None:
    """Where one of the two is public, it shows which one is taken."""
    with serve("greedy first") as api:
        smoke(api.url)
    assert answers(project)["greedy_before_any"] == "yes"


def test_a_route_that_fails_does_not_tell_which_one_is_taken(project: Path) -> None:
    """Whichever it is: the fault is that it fails."""
    with serve("public route fails") as api:
        smoke(api.url)
    assert (faults(project), answers(project)["greedy_before_any"]) == (
        {"route_fails"},
        "cannot be told",
    )


def test_the_report_has_nothing_secret(project: Path) -> None:
    """Neither a token nor a name, an id, or the address; the terminal has but the latter."""
    with serve("other policy") as api:
        result = smoke(api.url)
    report = (project / "smoke-report.json").read_text()
    secrets = [*map(token_of, SUBS), *SUBS.values(), "secret-", "eyJ"]
    assert [text for text in secrets if text in report + result.output] == []
    assert "127.0.0.1" not in report
    assert "\x1b" not in report + result.output
    with serve() as api:
        smoke(api.url, "--report-with-host", "--report", "other.json")
    assert json.loads((project / "other.json").read_text())["url"] == api.url


def test_nothing_is_changed_unless_told() -> None:
    """GET alone is sent, and what a browser asks before it; the rest by a switch that says so."""
    with serve() as api:
        smoke(api.url)
        assert {method for method, _, _ in api.received} == {"GET", "OPTIONS"}
        api.received.clear()
        assert smoke(api.url, "--also-change-data").exit_code == 0
        assert {method for method, _, _ in api.received} == {"GET", "POST", "OPTIONS"}


def test_one_caller_alone(project: Path) -> None:
    """Somebody else's record is asked for, though nobody else is there."""
    with serve() as api:
        result = smoke(api.url, groups=("admin",))
    assert result.exit_code == 0
    assert "GET /users/<somebody else>" in result.output
    assert answers(project)["kept_across_routes"] == "no"


def test_a_token_is_not_for_everybody() -> None:
    """It is sent to nobody where others could read it on the way."""
    result = smoke("http://api.example")
    assert (result.exit_code, "expected the API's URL to be https" in result.output) == (2, True)
    result = smoke("http://127.0.0.1:9")
    assert (result.exit_code, "cannot be reached" in result.output) == (2, True)


@contextmanager
def hostile(answer: bytes, *, drips: bool = False) -> Iterator[str]:
    """A server that answers with these bytes, over and over where it drips."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            try:
                self.request.sendall(answer)
                while drips:
                    time.sleep(0.02)
                    self.request.sendall(b"x")
            except OSError:
                pass  # the other side has hung up

    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "drips"),
    [
        (b"HTTP/1.1 abc \x1b[31m\r\n\r\n", False),
        (b"\x00" * 100, False),
        (b"", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nX-", True),
    ],
)
def test_a_hostile_server(
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    drips: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Whatever it sends, and however slowly, it ends with a line of ours and no answer."""
    monkeypatch.setattr(http_client, "TIMEOUT_SECONDS", 0.5)
    with hostile(answer, drips=drips) as url:
        started = time.monotonic()
        result = smoke(url)
    assert time.monotonic() - started < 5
    assert result.exit_code == 2
    assert "Error: " in result.output
    assert "Traceback" not in result.output
    assert "\x1b" not in result.output


def test_a_huge_answer(project: Path) -> None:
    """It is not read; that nobody was asked for a token is what counts."""
    body = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 9999999\r\n\r\n"
    with hostile(body + b"x" * 9_999_999) as url:
        result = smoke(url)
    assert result.exit_code == 1
    assert "open_route" in faults(project)
