"""Cognito's errors in a sentence each, with what to do. None of them quotes what was typed in."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    ParamValidationError,
)

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.request import is_on_loopback
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.account.target import Target

# By error code; where a code means several things, by a part of Cognito's message, in lower case.
Sentences = tuple[tuple[str, str, str], ...]
_ENDED = "the session has ended: run 'authorizer login' again"
_SENTENCES: Sentences = (
    ("NotAuthorizedException", "disabled", "this user is disabled: ask an administrator"),
    (
        "NotAuthorizedException",
        "attempts exceeded",
        "too many wrong passwords: wait a few minutes and try again",
    ),
    (
        "NotAuthorizedException",
        "must be reset",
        "the temporary password has run out: ask an administrator for another one",
    ),
    (
        "NotAuthorizedException",
        "session",
        "signing in took too long, and Cognito forgot how far it was: start again",
    ),
    ("NotAuthorizedException", "refresh token", _ENDED),
    (
        "NotAuthorizedException",
        "secret_hash was not received",
        "this app client has a secret: put it into COGNITO_CLIENT_SECRET",
    ),
    (
        "NotAuthorizedException",
        "secret",
        "the app client's secret is wrong: check COGNITO_CLIENT_SECRET",
    ),
    (
        "UserNotConfirmedException",
        "",
        "this user is not confirmed yet: use the code from the mail, or ask an administrator",
    ),
    (
        "PasswordResetRequiredException",
        "",
        "this user's password must be reset first: use the application's 'forgot password'",
    ),
    (
        "InvalidPasswordException",
        "",
        "the new password breaks the pool's rules: longer, with Capitals, small letters, 1 and %",
    ),
    ("ExpiredCodeException", "", "the code was already used, or has run out: use the next one"),
    ("CodeMismatchException", "", "wrong code: check that the clock of the phone is right"),
    (
        "EnableSoftwareTokenMFAException",
        "",
        "wrong code: check that the clock of the phone is right",
    ),
    (
        "ResourceNotFoundException",
        "",
        "there is no such app client in this region: check client id and region",
    ),
    (
        "InvalidParameterException",
        "secret",
        "this app client has a secret: put it into COGNITO_CLIENT_SECRET",
    ),
    ("UnauthorizedException", "", "the session has ended already"),
)
# What the others do not say, by what was asked for.
SIGNING_IN: Sentences = (
    ("NotAuthorizedException", "", "wrong user name or password"),
    ("UserNotFoundException", "", "wrong user name or password"),
    (
        "InvalidParameterException",
        "flow not enabled",
        "this app client does not allow USER_PASSWORD_AUTH: add ALLOW_USER_PASSWORD_AUTH to it",
    ),
)
REFRESHING: Sentences = (
    ("NotAuthorizedException", "", _ENDED),
    ("UserNotFoundException", "", _ENDED),
    ("RefreshTokenReuseException", "", _ENDED),
    (
        "InvalidParameterException",
        "",
        "this app client refreshes no session: run 'authorizer login' again, or allow it to",
    ),
)
_THROTTLED = frozenset(
    {"TooManyRequestsException", "LimitExceededException", "ThrottlingException"}
)


class RefusedError(AccountError):
    """Cognito declined.

    Attributes:
        code: its error code.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class GoneError(AccountError):
    """Nobody listens where an emulator was, on this machine: nothing is left of its sessions."""


@contextmanager
def in_a_sentence(target: Target, meant: Sentences = SIGNING_IN) -> Iterator[None]:
    """Turn what boto3 raises into ours.

    Args:
        target: who is asked.
        meant: what an error means where it says no more than its code.

    Raises:
        RefusedError: Cognito declined.
        GoneError: an emulator is not there any more.
        AccountError: Cognito could not be asked.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        message = error.response["Error"].get("Message", "")
        raise RefusedError(code, _sentence(code, message, meant)) from None
    except ParamValidationError:
        # Its text quotes what was given, and is not passed on.
        raise AccountError(
            "boto3 finds something too short or malformed to be sent to Cognito: check the client "
            "id and, where the app client has one, COGNITO_CLIENT_SECRET"
        ) from None
    except BotoCoreError as error:
        raise _unreachable(target, error) from None


def _unreachable(target: Target, error: BotoCoreError) -> AccountError:
    what = type(error).__name__
    if target.endpoint_url is None:
        return AccountError(
            f"Cognito in {target.region} cannot be reached ({what}): "
            "check the network and the region"
        )
    sentence = (
        f"{target.endpoint_url} cannot be reached ({what}): "
        "start the emulator again, or sign in elsewhere"
    )
    is_gone = isinstance(error, EndpointConnectionError) and is_on_loopback(target.endpoint_url)
    return GoneError(sentence) if is_gone else AccountError(sentence)


def _sentence(code: str, message: str, meant: Sentences) -> str:
    if code in _THROTTLED:
        return "Cognito is being asked too often: wait a minute and try again"
    for known, part, sentence in (*_SENTENCES, *meant):
        if code == known and part in message.lower():
            return sentence
    return f"Cognito declined with {clip(code)}: {clip(message, 200)}"
