"""Cognito's errors in a sentence each, with what to do. None of them quotes what was typed in."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from authorizer.cli.account.errors import AccountError
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.account.target import Target

# By error code; where a code means several things, by a part of Cognito's message, in lower case.
_SENTENCES: tuple[tuple[str, str, str], ...] = (
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
    (
        "NotAuthorizedException",
        "refresh token",
        "the session has ended: run 'authorizer login' again",
    ),
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
    ("NotAuthorizedException", "", "wrong user name or password"),
    ("UserNotFoundException", "", "wrong user name or password"),
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
        "flow not enabled",
        "this app client does not allow USER_PASSWORD_AUTH: add ALLOW_USER_PASSWORD_AUTH to it",
    ),
    (
        "InvalidParameterException",
        "secret",
        "this app client has a secret: put it into COGNITO_CLIENT_SECRET",
    ),
    ("UnauthorizedException", "", "the session has ended already"),
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


@contextmanager
def in_a_sentence(target: Target) -> Iterator[None]:
    """Turn what boto3 raises into ours.

    Raises:
        RefusedError: Cognito declined.
        AccountError: Cognito could not be asked.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        message = error.response["Error"].get("Message", "")
        raise RefusedError(code, _sentence(code, message)) from None
    except ParamValidationError:
        # Its text quotes what was given, and is not passed on.
        raise AccountError(
            "boto3 finds something too short or malformed to be sent to Cognito: check the client "
            "id and, where the app client has one, COGNITO_CLIENT_SECRET"
        ) from None
    except BotoCoreError as error:
        where = target.endpoint_url or f"Cognito in {target.region}"
        raise AccountError(
            f"{where} cannot be reached ({type(error).__name__}): check the network and the region"
        ) from None


def _sentence(code: str, message: str) -> str:
    if code in _THROTTLED:
        return "Cognito is being asked too often: wait a minute and try again"
    for known, part, sentence in _SENTENCES:
        if code == known and part in message.lower():
            return sentence
    return f"Cognito declined with {clip(code)}: {clip(message, 200)}"
