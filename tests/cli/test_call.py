"""``authorizer call``: what is sent, to whom, what is printed, and how a refusal is explained."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from loopback import listening
from simulator import CLIENT_ID, Cognito

from authorizer.cli.account import call as call_module
from authorizer.cli.account.sessions import Session, SessionStore
from authorizer.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE_POLICY = Path(__file__).parents[2] / "policy.yaml"
SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


@dataclass
class Api:
    """A real HTTP server that keeps what it was sent, and answers as it is told."""

    status: int = 200
    reason: str | None = None
    body: bytes = b'{"message":"hello"}'
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        data = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        sent = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append((handler.command, handler.path, sent, data))
        handler.send_response(self.status, self.reason)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        handler.wfile.write(self.body)


@contextmanager
def serve() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.answer(self)

        do_POST = do_GET  # noqa: N815 - the server's own spelling

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with listening(Handler) as api.url:
        yield api


@pytest.fixture
def api() -> Iterator[Api]:
    with serve() as api:
        yield api


@pytest.fixture(scope="module")
def token() -> str:
    now = int(time.time())
    return Cognito().token(iat=now - 60, auth_time=now - 60, exp=now + 3_600)


@pytest.fixture(autouse=True)
def signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, api: Api) -> None:
    """A session in a store of the test's own, with the API's URL; nothing needs to be refreshed."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("API_URL", "COGNITO_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    save(token, api.url)


def save(token: str, api_url: str | None, profile: str = "default") -> None:
    session = Session(
        region="eu-west-1",
        client_id=CLIENT_ID,
        username="alice",
        access_token=token,
        id_token="",
        refresh_token=None,
        expires_at_seconds=int(time.time()) + 3600,
        api_url=api_url,
    )
    SessionStore().save(profile, session)


def run(token: str, *arguments: str, stdin: str | None = None) -> Result:
    """The command; whatever it prints, the token is not in it."""
    result = CliRunner().invoke(cli, ["call", *arguments], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert not any(part in result.output for part in token.split("."))
    return result


def test_the_token_is_sent_and_the_answer_printed(api: Api, token: str) -> None:
    """Standard output has the body and nothing else, standard error the status."""
    result = run(token, "get", "/hello?x=1")

    assert (result.exit_code, result.stdout) == (0, '{"message":"hello"}')
    assert result.stderr == "HTTP 200 OK\n"
    method, path, headers, _ = api.requests[0]
    assert (method, path, headers["authorization"]) == ("GET", "/hello?x=1", f"Bearer {token}")


@pytest.mark.parametrize("way", ["text", "file", "stdin"])
def test_data_comes_from_text_file_or_input(api: Api, token: str, tmp_path: Path, way: str) -> None:
    """The body arrives as given, and is called JSON where it is."""
    body = '{"title": "ü"}'
    (tmp_path / "body.json").write_text(body, encoding="utf-8")
    data = {"text": body, "file": f"@{tmp_path / 'body.json'}", "stdin": "-"}[way]
    assert run(token, "POST", "/articles", "--data", data, stdin=body).exit_code == 0

    _, _, headers, sent = api.requests[0]
    assert (sent, headers["content-type"]) == (body.encode(), "application/json")


def test_headers_are_sent_and_replace_the_content_type(api: Api, token: str) -> None:
    """What the user says about the body wins, however it is spelt."""
    run(token, "POST", "/x", "-d", "{}", "-H", "content-type: text/csv", "-H", "X-A: b: c")

    headers = api.requests[0][2]
    assert (headers["content-type"], headers["x-a"]) == ("text/csv", "b: c")


@pytest.mark.parametrize(
    "header",
    [
        "X: a\r\nY: b",
        "X: a\nY: b",
        "X: a\r",
        "X: a\0",
        "X\n: a",
        "X : a",
        ": a",
        "X",
        "X: ü",
        "Authorization: Bearer x",
        "AUTHORIZATION:Basic x",
    ],
)
def test_headers_that_smuggle_or_override_are_refused(api: Api, token: str, header: str) -> None:
    """Nothing is sent, and the token stays the profile's."""
    result = run(token, "GET", "/hello", "--header", header)

    assert (result.exit_code, api.requests) == (1, [])
    assert "expected" in result.stderr


def test_a_header_given_twice_is_refused(api: Api, token: str) -> None:
    """Which of the two would win is nobody's guess."""
    result = run(token, "GET", "/hello", "-H", "X: 1", "-H", "x: 2")
    assert (result.exit_code, api.requests) == (1, [])


def test_redirects_are_not_followed(api: Api, token: str) -> None:
    """The token goes to the API alone."""
    api.status, api.headers = 302, {"Location": f"{api.url}/elsewhere"}
    result = run(token, "GET", "/hello")

    assert (result.exit_code, len(api.requests)) == (1, 1)
    assert "redirect is not followed" in result.stderr


def test_netrc_and_proxies_do_not_get_between(
    api: Api, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another password nor a proxy on plain HTTP: loopback is this machine's."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")

    assert run(token, "GET", "/hello").exit_code == 0
    assert api.requests[0][2]["authorization"] == f"Bearer {token}"


def test_an_echoed_token_is_not_printed(api: Api, token: str) -> None:
    """An API that answers with the request's headers puts no token on the screen."""
    api.status, api.reason, api.body = 200, f"Hi {token}", f'{{"a": "{token}"}}'.encode()
    result = run(token, "GET", "/hello")

    assert result.stdout == '{"a": "[access token]"}'
    assert result.stderr == "HTTP 200 Hi [access token]\n"


def test_a_body_is_passed_on_byte_by_byte_to_a_pipe(api: Api, token: str) -> None:
    """What is no text is not touched."""
    api.body = b"\xff\x00\x1b[2J"
    assert run(token, "GET", "/hello").stdout_bytes == b"\xff\x00\x1b[2J"


def test_a_terminal_gets_indented_json_and_no_commands() -> None:
    """People get lines; a terminal gets nothing that it would obey."""
    assert call_module._for_people(b'{"a":["\xc3\xbc"]}') == '{\n  "a": [\n    "ü"\n  ]\n}'
    assert call_module._for_people(b"a\x1b[2J\x9bb\n") == "a\ufffd[2J\ufffdb"


def test_without_a_url_the_option_is_named(token: str) -> None:
    """A session that does not know the API's URL says what to give."""
    save(token, None)
    result = run(token, "GET", "/hello")

    assert result.exit_code == 1
    assert "--base-url" in result.stderr


def test_base_url_and_profile_are_taken(api: Api, token: str) -> None:
    """A stage in the URL stays before the path."""
    save(token, None, "other")
    result = run(token, "GET", "/hello", "--base-url", f"{api.url}/prod/", "--profile", "other")

    assert result.exit_code == 0
    assert api.requests[0][1] == "/prod/hello"


@pytest.mark.parametrize("stored", [None, "https://api.example.com/prod"])
def test_api_url_is_the_apis(
    api: Api, token: str, monkeypatch: pytest.MonkeyPatch, stored: str | None
) -> None:
    """As docs/sign-in.md lists it; that it is another API than the session's is said."""
    save(token, stored)
    monkeypatch.setenv("API_URL", f"{api.url}/")
    result = run(token, "GET", "/hello")

    assert (result.exit_code, api.requests[0][1]) == (0, "/hello")
    told = f"calling API_URL, {api.url}/, and not the session's API\n" if stored else ""
    assert result.stderr == f"{told}HTTP 200 OK\n"


def test_an_option_counts_more_than_api_url(
    api: Api, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by the name that login has for it."""
    monkeypatch.setenv("API_URL", "http://127.0.0.1:9")
    for option in ("--base-url", "--api-url"):
        assert run(token, "GET", "/hello", option, api.url).stderr == "HTTP 200 OK\n"


def test_api_url_in_the_clear_gets_no_token(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an environment says is no reason to send a token through a foreign network."""
    monkeypatch.setenv("API_URL", "http://api.example.com")
    result = run(token, "GET", "/hello")
    assert result.exit_code == 1
    assert "expected the API's URL to be https" in result.stderr


def test_an_api_in_the_clear_is_told_before_who_is_signed_in() -> None:
    """Nobody signs in first to hear that what they typed does not do."""
    result = CliRunner().invoke(cli, ["call", "GET", "/hello", "--api-url", "http://example.com"])
    assert "expected the API's URL to be https" in result.stderr


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("GTE", "expected a method such as GET or POST, found 'GTE': did you mean GET?"),
        ("psot", "expected a method such as GET or POST, found 'PSOT': did you mean POST?"),
        ("G T", "expected a method such as GET or POST"),
        ("", "expected a method such as GET or POST"),
    ],
)
def test_a_misspelt_method_is_not_sent(api: Api, token: str, method: str, words: str) -> None:
    """The method that was meant is named."""
    result = run(token, method, "/hello")
    assert (result.exit_code, api.requests) == (1, [])
    assert words in result.stderr


MISSING = b'{"message":"Missing Authentication Token"}'
INCOMPLETE = (
    b'{"message":"Invalid key=value pair (missing equal-sign) in Authorization header '
    b"(hashed with SHA-256 and encoded with Base64): 'x='.\"}"
)
UNSIGNED = b'{"message":"Authorization header requires \'Credential\' parameter."}'


@pytest.mark.parametrize("body", [MISSING, INCOMPLETE, UNSIGNED])
@pytest.mark.parametrize("policy", [True, False], ids=["with policy", "without"])
def test_a_route_that_a_rest_api_does_not_have(
    api: Api, token: str, tmp_path: Path, body: bytes, *, policy: bool
) -> None:
    """It speaks of tokens, and means the route or the stage: nobody's groups are to blame."""
    if policy:
        (tmp_path / "policy.yaml").write_bytes(SAMPLE_POLICY.read_bytes())
    api.status, api.body = 403, body
    result = run(token, "GET", "/hello", "--base-url", f"{api.url}/stage")

    assert result.exit_code == 1
    (_, told) = result.stderr.splitlines()
    assert told == (
        "no matter of tokens: in these words a REST API says that it has no such route or stage, "
        "or one with AWS_IAM in the authorizer's place: check method, path and the API's URL with "
        "its stage"
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"message": 1}', b'{"message":"Forbidden"}'])
def test_another_refusal_is_explained_by_the_policy(api: Api, token: str, body: bytes) -> None:
    """Whatever the body is, nothing but the words of API Gateway is taken for them."""
    api.status, api.body = 403, body
    assert "no matter of tokens" not in run(token, "GET", "/hello").stderr


def test_nobody_signed_in_is_one_sentence(token: str) -> None:
    """Without a session nothing is sent."""
    result = run(token, "GET", "/hello", "--profile", "nobody")

    assert result.exit_code == 1
    assert "run 'authorizer login' first" in result.stderr


def test_an_api_out_of_reach_is_one_sentence(token: str) -> None:
    """No trace of the library, and none of the header that it tried to send."""
    result = run(token, "GET", "/hello", "--base-url", "http://127.0.0.1:9")

    assert result.exit_code == 1
    assert result.stderr == (
        "Error: the API cannot be reached: check its URL and the network (http://127.0.0.1:9)\n"
    )


def test_a_damaged_token_is_not_quoted(api: Api, token: str) -> None:
    """A token that cannot stand in a header is not sent, and not shown by a library's error."""
    save(f"{token}\r\nX: y", api.url)
    result = run(token, "GET", "/hello")

    assert (result.exit_code, api.requests) == (1, [])
    assert "is damaged" in result.stderr


@pytest.mark.parametrize("path", ["/%61dmin", "/a/../b?c=%2E", "/a//b", "/a%2Fb", "/%C0%AF"])
def test_paths_are_sent_as_written(api: Api, token: str, path: str) -> None:
    """What the API makes of an odd path is the question, not what a library makes of it."""
    run(token, "GET", path, "--base-url", f"{api.url}/prod")
    assert api.requests[0][1] == f"/prod{path}"


@pytest.mark.parametrize("given", [True, False], ids=["--policy", "policy.yaml"])
def test_the_policy_at_hand_is_used(api: Api, token: str, tmp_path: Path, given: bool) -> None:  # noqa: FBT001
    """Either that which is named, or policy.yaml in the folder; a query is no part of the path."""
    path = tmp_path / ("mine.yaml" if given else "policy.yaml")
    path.write_bytes(SAMPLE_POLICY.read_bytes())
    api.status = 403
    options = ["--policy", str(path)] if given else []
    result = run(token, "POST", "/articles?draft=1", "--base-url", f"{api.url}/prod", *options)

    assert result.exit_code == 1
    assert "no group of yours (reader) may POST /articles;" in result.stderr
    assert "allows it to: editor, admin" in result.stderr


def test_a_policy_that_does_not_compile_is_no_obstacle(
    api: Api, token: str, tmp_path: Path
) -> None:
    """The answer is printed, and the hint says what kept it from being better."""
    (tmp_path / "policy.yaml").write_text("version: 2\n")
    api.status = 403
    result = run(token, "GET", "/hello")

    assert result.exit_code == 1
    assert "policy.yaml does not compile (run 'authorizer compile policy.yaml')" in result.stderr
