"""``authorizer revoke`` and ``unrevoke``, against the emulator's table and pool."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from loopback import listening
from simulator import Cognito

from authorizer.cli.account.sessions import Session, SessionStore
from authorizer.cli.local.emulator import Emulator, running_emulator
from authorizer.cli.local.stack import make_revocation_table
from authorizer.cli.main import cli
from authorizer.tokens.revocation import reader_of_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("revoke")]

PASSWORD = "Correct-horse-battery-1"


class Account:
    """A pool with a user, and a table, as the stack's template makes it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        cognito = emulator.cognito
        self.pool_id = cognito.create_user_pool(PoolName="users")["UserPool"]["Id"]
        self.client_id = cognito.create_user_pool_client(
            UserPoolId=self.pool_id,
            ClientName="app",
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )["UserPoolClient"]["ClientId"]
        user = {"UserPoolId": self.pool_id, "Username": "alice"}
        made = cognito.admin_create_user(**user)["User"]["Attributes"]
        self.sub = {one["Name"]: one["Value"] for one in made}["sub"]
        cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
        make_revocation_table(emulator, "revoked")
        self.tokens: dict[str, Any] = cognito.initiate_auth(
            ClientId=self.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "alice", "PASSWORD": PASSWORD},
        )["AuthenticationResult"]

    def put(self, entry: str, expires_at: dict[str, Any] | None) -> None:
        item = {"list": {"S": "revoked"}, "entry": {"S": entry}}
        item |= {} if expires_at is None else {"expires_at": expires_at}
        self.emulator.client("dynamodb").put_item(TableName="revoked", Item=item)

    def expiries(self) -> dict[str, int]:
        items = self.emulator.client("dynamodb").scan(TableName="revoked")["Items"]
        return {item["entry"]["S"]: int(item["expires_at"]["N"]) for item in items}

    def is_signed_in(self) -> bool:
        """Whether the session gives further tokens."""
        try:
            self.emulator.cognito.initiate_auth(
                ClientId=self.client_id,
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": self.tokens["RefreshToken"]},
            )
        except self.emulator.cognito.exceptions.NotAuthorizedException:
            return False
        return True


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


@pytest.fixture
def account(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Account]:
    for name, value in emulator.identity.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = Account(emulator)
    monkeypatch.setenv("COGNITO_USER_POOL_ID", made.pool_id)
    monkeypatch.setenv("AUTHORIZER_REVOCATION_TABLE", "revoked")
    yield made
    emulator.client("dynamodb").delete_table(TableName="revoked")


class _Declining(BaseHTTPRequestHandler):
    """AWS, where the table takes everything and Cognito no token. The emulator verifies none."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        is_cognito = "Cognito" in self.headers["X-Amz-Target"]
        body = b'{"__type": "NotAuthorizedException", "message": "Invalid Access Token"}'
        body = body if is_cognito else b"{}"
        self.send_response(400 if is_cognito else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests have a terminal of their own."""


@pytest.fixture
def declining() -> Iterator[str]:
    with listening(_Declining) as url:
        yield url


def run(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(cli, arguments, input=given)


def told(*arguments: str, given: str | bytes = "") -> str:
    """What a command says that cannot do it."""
    result = run(*arguments, given=given)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def test_a_user_is_revoked_for_a_day_and_signed_out(account: Account) -> None:
    """For as long as Cognito lets access tokens live; taken off, they can sign in again."""
    result = run("revoke", "alice")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"revoked 'sub#{account.sub}' until 20" in result.stderr
    assert "30 s at most" in result.stderr
    assert "signed out 'alice' at Cognito" in result.stderr
    (entry, expires_at), *others = account.expiries().items()
    assert (entry, others) == (f"sub#{account.sub}", [])
    assert abs(expires_at - time.time() - 86_400) < 60
    assert not account.is_signed_in()

    assert f"'sub#{account.sub}' is off the list" in run("unrevoke", "alice").stderr
    assert account.expiries() == {}
    assert f"'sub#{account.sub}' is not on the list" in run("unrevoke", "alice").stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("90m", 5400), ("1h", 3600), ("2d", 172_800)]
)
def test_how_long_it_holds_can_be_said(account: Account, text: str, seconds: int) -> None:
    """In three units. The same user once more replaces the time."""
    run("revoke", "alice")
    assert run("revoke", "alice", "--for", text).exit_code == 0
    (expires_at,) = account.expiries().values()
    assert abs(expires_at - time.time() - seconds) < 60


@pytest.mark.parametrize("text", ["", "0h", "-1h", "1", "h", "90s", "1w", "1.5h", "999999d", "1h "])
def test_no_other_times_are_taken(text: str) -> None:
    """Whoever means something else is told what can be said, before anything is asked."""
    result = run("revoke", "alice", "--for", text)
    assert result.exit_code == 2
    assert "as in 90m" in result.stderr


def test_a_piped_token_is_revoked_by_its_sign_in(account: Account) -> None:
    """Refreshed ones of it are too; its user is signed out, and none of it is shown."""
    token = account.tokens["AccessToken"]
    result = run("revoke", "-", given=f"Bearer {token}\n")
    assert result.exit_code == 0
    (entry,) = account.expiries()
    assert entry.startswith("origin_jti#")
    assert not account.is_signed_in()
    assert token not in result.output
    assert token.rpartition(".")[2] not in result.output
    assert run("unrevoke", "-", given=token).exit_code == 0
    assert account.expiries() == {}


def test_a_token_is_revoked_for_as_long_as_it_may_live(account: Account) -> None:
    """And those of its sign-in that were got by now: a shorter time would give them back."""
    assert run("revoke", "-", "--for", "1m", given=account.tokens["AccessToken"]).exit_code == 0
    (expires_at,) = account.expiries().values()
    assert abs(expires_at - time.time() - 3600) < 60


@pytest.mark.parametrize(("iat", "exp"), [(0, 10**12), (None, 5), ("0", "9"), (True, 5), (9, 1)])
def test_no_token_says_how_long_for_itself(account: Account, iat: object, exp: object) -> None:
    """Anybody could have written it."""
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{account.pool_id}"
    token = Cognito().token(iss=issuer, username=None, iat=iat, exp=exp)
    assert run("revoke", "-", "--for", "1m", given=token).exit_code == 0
    (expires_at,) = account.expiries().values()
    assert expires_at - time.time() <= 86_400


def test_a_forged_token_signs_nobody_out(account: Account, declining: str) -> None:
    """Whom it names is not asked of it, but of Cognito, which verifies it."""
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{account.pool_id}"
    token = Cognito().token(iss=issuer, username="alice")
    result = run("revoke", "-", "--endpoint-url", declining, given=token)
    assert result.exit_code == 1
    assert "nobody was signed out at Cognito, which does not take this token" in result.stderr
    assert "authorizer revoke USER" in result.stderr
    assert account.is_signed_in()


def test_a_token_without_a_sign_in_is_revoked_itself(account: Account) -> None:
    """A machine's: nobody is signed out, and that it can get another is told."""
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{account.pool_id}"
    token = Cognito().token(iss=issuer, origin_jti=None, username=None)
    result = run("revoke", "-", given=token)
    assert (result.exit_code, [*account.expiries()]) == (0, [f"jti#{Cognito().claims()['jti']}"])
    assert "nobody was signed out" in result.stderr
    assert account.is_signed_in()


def test_who_is_gone_from_the_pool_is_revoked_by_sub(account: Account) -> None:
    """Cognito knows of them no more, and their tokens are good still. So are a machine's."""
    assert run("revoke", "--sub", "gone").exit_code == 0
    assert [*account.expiries()] == ["sub#gone"]
    assert run("unrevoke", "--sub", "gone").exit_code == 0
    assert account.expiries() == {}


def test_without_a_user_it_is_the_own_sign_in(account: Account) -> None:
    """The session of the profile; pool and endpoint are known from it, too."""
    session = Session(
        region="us-east-1",
        client_id=account.client_id,
        pool_id=account.pool_id,
        endpoint_url=account.emulator.url,
        username="alice",
        access_token=account.tokens["AccessToken"],
        id_token=account.tokens["IdToken"],
        refresh_token=account.tokens["RefreshToken"],
        expires_at_seconds=int(time.time()) + 3600,
    )
    SessionStore().save("default", session)
    result = CliRunner(env={"COGNITO_USER_POOL_ID": None, "AWS_ENDPOINT_URL": None}).invoke(
        cli, ["revoke"]
    )
    assert result.exit_code == 0, result.output
    assert "signed out 'alice'" in result.stderr
    (entry,) = account.expiries()
    assert entry.startswith("origin_jti#")
    assert not account.is_signed_in()


def test_the_stack_says_where_the_table_is(account: Account) -> None:
    """As it says which pool it has."""
    outputs = {"RevocationTable": "revoked", "UserPoolId": account.pool_id}
    body = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    stacks = account.emulator.client("cloudformation")
    stacks.create_stack(StackName=account.pool_id.replace("_", "-"), TemplateBody=json.dumps(body))
    cleared = {"COGNITO_USER_POOL_ID": None, "AUTHORIZER_REVOCATION_TABLE": None}
    stack = ("--stack-name", account.pool_id.replace("_", "-"), "--region", "us-east-1")
    result = CliRunner(env=cleared).invoke(cli, ["revoke", "alice", *stack])
    assert result.exit_code == 0, result.output
    assert [*account.expiries()] == [f"sub#{account.sub}"]


def test_a_token_among_the_arguments_is_refused(account: Account) -> None:
    """Others would see it, and it would stay in the shell's history."""
    said = told("revoke", account.tokens["AccessToken"])
    assert "with -" in said
    assert account.tokens["AccessToken"] not in said
    assert account.expiries() == {}


@pytest.mark.parametrize("given", ["", "garbage", b"\xff\xfe", "a.b.c", Cognito().token()])
def test_what_is_no_token_of_the_pool_is_refused(account: Account, given: str | bytes) -> None:
    """Whoever signs out by a token of another pool would sign out a namesake."""
    assert f"expected a token of the pool {account.pool_id}" in told("revoke", "-", given=given)
    assert account.expiries() == {}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nobody"], "UserNotFoundException"),
        (["alice", "--table", "nothing"], "ResourceNotFoundException"),
        (["alice", "--pool-id", "us-east-1_Nothing"], "ResourceNotFoundException"),
        ([], "nobody is signed in with profile default"),
        (
            ["alice", "--endpoint-url", "http://aws.example"],
            "expected the endpoint URL to be https",
        ),
        (["alice", "--endpoint-url", "http://127.0.0.1:9"], "Could not connect"),
        (["alice", "--table", ""], "expected the table of revoked tokens"),
        (["-", "--sub"], "expected a sub as USER, found none"),
        (["", "--sub"], "expected a sub as USER, found none"),
        (["--sub"], "nobody is signed in with profile default"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    account: Account, arguments: list[str], expected: str
) -> None:
    """With what to look at, and without a traceback."""
    said = told("revoke", *arguments)
    assert expected in said
    assert said.startswith("Error: ")
    assert said.count("\n") == 1


def test_an_entry_that_cannot_be_read_holds_for_good(account: Account) -> None:
    """And what has expired does not count, whether DynamoDB has removed it or not."""
    now = int(time.time())
    account.put("sub#later", {"N": str(now + 1)})
    account.put("sub#a-little-later", {"N": f"{now}.5"})
    account.put("sub#now", {"N": str(now)})
    account.put("sub#before", {"N": "-1"})
    account.put("sub#none", None)
    account.put("sub#text", {"S": str(now - 100)})
    account.put("sub#null", {"NULL": True})
    account.put("sub#list", {"L": [{"N": "1"}]})
    kept = {"later", "a-little-later", "none", "text", "null", "list"}
    assert {*reader_of_table("revoked")(now)} == {f"sub#{name}" for name in kept}
