"""``authorizer revoke`` and ``unrevoke``: who is on the list of revoked tokens.

Whatever AWS identity boto3 finds writes the table, and signs out at Cognito. What the list does,
and by when it holds: ``docs/revocation.md``. A token is read unverified, for it names itself;
whom it signs out, Cognito decides, to which it is shown.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from authorizer.cli.account import cognito
from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.http_client import require_base_url
from authorizer.cli.account.verification import (
    CLAIMS,
    HEADER,
    read_part,
    stored_session,
    strip_scheme,
)
from authorizer.cli.options import grouped, place_options, profile_option
from authorizer.errors import clip
from authorizer.tokens.revocation import ENTRY_KEY, EXPIRY, LIST, LIST_KEY

if TYPE_CHECKING:
    from authorizer.cli.account.sessions import Session

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
# No access token of Cognito's lives longer.
_LONGEST_LIFE_SECONDS = 86_400
_BY_WHEN = (
    "that counts once the authorizer has read the list anew, after 30 s at most "
    "(AUTHORIZER_REVOCATION_TIME_TO_LIVE_SECONDS), and API Gateway has forgotten the answers that "
    "it remembers (ReauthorizeEvery)"
)
_who_options = grouped(
    click.argument("user", required=False),
    click.option(
        "--sub",
        "is_sub",
        is_flag=True,
        help="USER is a sub: of a user who is gone from the pool, or a machine's app client.",
    ),
    click.option(
        "--table",
        envvar="AUTHORIZER_REVOCATION_TABLE",
        show_envvar=True,
        help="The list's DynamoDB table; default: the stack's.",
    ),
    place_options,
    profile_option("Whose session, without USER; and else, whose pool."),
)


def _seconds(_context: click.Context, _option: click.Parameter, text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text)
    if found is None:
        raise click.BadParameter(f"expected a number of m, h or d, as in 90m; found {text!r}")
    return int(found[1]) * _UNITS[found[2]]


@click.command()
@_who_options
@click.option(
    "lasts_seconds",
    "--for",
    default="1d",
    show_default=True,
    callback=_seconds,
    metavar="TIME",
    help="How long it holds, as 90m; a day is as long as Cognito lets access tokens live.",
)
def revoke(
    *, user: str | None, is_sub: bool, profile: str, lasts_seconds: int, **place: str
) -> None:
    """Have all tokens of USER refused, and sign them out at Cognito.

    Without USER it is the profile's own sign-in. Use - to read a token from standard input: its
    sign-in is revoked, or the token itself, where it has none, and its user is signed out. What
    is revoked stays so for as long as its tokens may live, whatever --for says.
    """
    account, whose = _whose(user, profile, is_sub=is_sub, **place)
    until = int(datetime.now(UTC).timestamp()) + max(lasts_seconds, whose.life_seconds)
    account.ask(
        "dynamodb",
        "put_item",
        TableName=account.table,
        Item=_key(whose.entry) | {EXPIRY: {"N": str(until)}},
    )
    when = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"revoked {clip(whose.entry, 200)} until {when}; {_BY_WHEN}", err=True)
    if whose.session is not None:
        cognito.revoke(whose.session)
    elif whose.token is not None and whose.username is not None:
        _sign_out_by(account, whose.token)
    elif whose.username is not None:
        account.ask(
            "cognito-idp",
            "admin_user_global_sign_out",
            UserPoolId=account.pool_id,
            Username=whose.username,
        )
    click.echo(
        f"signed out {clip(str(whose.username))} at Cognito: no token is refreshed any more"
        if whose.username is not None
        else "nobody was signed out at Cognito: whoever gets new tokens there has others",
        err=True,
    )


def _sign_out_by(account: _Account, token: str) -> None:
    """Sign out whose token it is. Anybody can write a name into a token: Cognito verifies it."""
    try:
        account.ask("cognito-idp", "global_sign_out", AccessToken=token)
    except AccountError as error:
        raise AccountError(
            "nobody was signed out at Cognito, which does not take this token: to sign out its "
            f"user, too, say who it is: authorizer revoke USER ({error})"
        ) from None


@click.command()
@_who_options
def unrevoke(*, user: str | None, is_sub: bool, profile: str, **place: str) -> None:
    """Take off the list what 'authorizer revoke' put there for the same USER or token.

    Whoever was signed out at Cognito has to sign in again.
    """
    account, whose = _whose(user, profile, is_sub=is_sub, **place)
    was = account.ask(
        "dynamodb",
        "delete_item",
        TableName=account.table,
        Key=_key(whose.entry),
        ReturnValues="ALL_OLD",
    )
    outcome = f"is off the list; {_BY_WHEN}" if "Attributes" in was else "is not on the list"
    click.echo(f"{clip(whose.entry, 200)} {outcome}", err=True)


class _Revoked(NamedTuple):
    """Who is revoked.

    Attributes:
        entry: what the list calls them.
        username: who is signed out at Cognito; nobody without one.
        life_seconds: how long the youngest of their tokens may live, as far as that is known.
        token: what says so, unverified.
        session: the one that is ended, where it is the own one.
    """

    entry: str
    username: str | None = None
    life_seconds: int = 0
    token: str | None = None
    session: Session | None = None


def _key(entry: str) -> dict[str, Any]:
    return {LIST_KEY: {"S": LIST}, ENTRY_KEY: {"S": entry}}


def _whose(
    user: str | None, profile: str, *, is_sub: bool, **place: str
) -> tuple[_Account, _Revoked]:
    """Whom to ask, and about whom.

    Raises:
        AccountError: there is no such user, or no token that names itself.
    """
    session, trouble = stored_session(profile)
    account = _Account(session, **place)
    if user is None and session is None:
        raise AccountError(f"{trouble}, or name a USER")
    if is_sub and user in {None, "", "-"}:
        raise AccountError("expected a sub as USER, found none: --sub says what USER is")
    if user is not None and user != "-":
        if read_part(user, HEADER) is not None:
            raise AccountError(
                "expected a user's name, found a token: give it on standard input, with -, where "
                "nobody sees it"
            )
        if is_sub:
            return account, _Revoked(f"sub#{user}")
        found = account.ask(
            "cognito-idp", "admin_get_user", UserPoolId=account.pool_id, Username=user
        )
        (sub,) = (one["Value"] for one in found["UserAttributes"] if one["Name"] == "sub")
        return account, _Revoked(f"sub#{sub}", found["Username"])
    own = None if user else session
    text = own.access_token if own else sys.stdin.buffer.read().decode("utf-8", "replace")
    return account, _revoked_by(strip_scheme(text), account.pool_id, own)


def _revoked_by(token: str, pool_id: str, own: Session | None) -> _Revoked:
    claims = read_part(token, CLAIMS) or {}
    named = [name for name in ("origin_jti", "jti") if isinstance(claims.get(name), str)]
    if not named or str(claims.get("iss")).rpartition("/")[2] != pool_id:
        raise AccountError(
            f"expected a token of the pool {pool_id} with origin_jti or jti, found none: "
            "check --pool-id, or revoke whose it is, by name or by --sub"
        )
    match claims:
        case {"iat": int(issued_at), "exp": int(expires_at)}:
            life = expires_at - issued_at
        case _:
            life = 0
    return _Revoked(
        f"{named[0]}#{claims[named[0]]}",
        claims.get("username", claims.get("cognito:username")),
        life_seconds=min(life, _LONGEST_LIFE_SECONDS),
        token=token,
        session=own,
    )


class _Account:
    """The table and the pool, as whoever boto3 finds credentials of may ask them."""

    def __init__(
        self,
        session: Session | None,
        *,
        stack_name: str | None,
        region: str | None,
        pool_id: str | None,
        endpoint_url: str | None,
        table: str | None,
    ) -> None:
        """Find out which: what is said wins, then the stack's outputs, then the session.

        Raises:
            AccountError: no table, or no pool, is known; or the stack cannot be asked.
        """
        endpoint = endpoint_url and require_base_url(endpoint_url, "the endpoint URL")
        outputs = cognito.stack_outputs(stack_name, region, endpoint) if stack_name else {}
        pool_id = pool_id or outputs.get("UserPoolId")
        # Another pool is elsewhere.
        if session is not None and pool_id in {None, session.pool_id}:
            pool_id, endpoint = session.pool_id, endpoint or session.endpoint_url
        table = table or outputs.get("RevocationTable")
        if not (table and pool_id):
            raise AccountError(
                "expected the table of revoked tokens, and the user pool: give --stack-name of a "
                "stack that has Revocation=yes, or --table and --pool-id"
            )
        self.pool_id, self.table, self._region, self._endpoint = pool_id, table, region, endpoint

    def ask(self, service: str, operation: str, **parameters: object) -> Any:  # noqa: ANN401 - of boto3
        """Call an operation of the table or the pool.

        Raises:
            AccountError: it was declined, or could not be asked.
        """
        import boto3  # noqa: PLC0415
        from botocore import config, exceptions  # noqa: PLC0415

        try:
            client = boto3.Session().client(
                service,
                # Stack and table are where the pool is, unless said otherwise.
                region_name=(service == "dynamodb" and self._region)
                or self.pool_id.partition("_")[0],
                endpoint_url=self._endpoint,
                config=config.Config(
                    connect_timeout=15,
                    read_timeout=15,
                    ignore_configured_endpoint_urls=True,
                    proxies={} if (self._endpoint or "").startswith("http:") else None,
                ),
            )
            return getattr(client, operation)(**parameters)
        except (exceptions.BotoCoreError, exceptions.ClientError, ValueError) as error:
            raise AccountError(
                f"{str(error).strip().rstrip('.')}; check the name, --table, --pool-id and "
                "--region, and what your AWS credentials may do"
            ) from None
