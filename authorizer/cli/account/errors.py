"""What goes wrong, in a sentence each, with what to do: Cognito's refusals, and everything else.

None of them quotes what was typed in.
"""

from __future__ import annotations

from authorizer.cli.text import printable
from authorizer.errors import AuthorizerError, clip

# Error code, a part of Cognito's message in lower case, and what a person is told. The part is
# there because Cognito has one code for a dozen refusals, and nothing else that tells them apart.
Refusals = tuple[tuple[str, str, str], ...]
_ENDED = "the session has ended: run 'authorizer login' again"
_WRONG_CODE = "wrong code: check that the clock of the phone is right"
_HAS_SECRET = "this app client has a secret: put it into COGNITO_CLIENT_SECRET"
_TOO_OFTEN = "Cognito is being asked too often: wait a minute and try again"
_REFUSALS: Refusals = (
    ("TooManyRequestsException", "", _TOO_OFTEN),
    ("LimitExceededException", "", _TOO_OFTEN),
    ("ThrottlingException", "", _TOO_OFTEN),
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
    ("NotAuthorizedException", "secret_hash was not received", _HAS_SECRET),
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
    ("CodeMismatchException", "", _WRONG_CODE),
    ("EnableSoftwareTokenMFAException", "", _WRONG_CODE),
    (
        "ResourceNotFoundException",
        "",
        "there is no such app client in this region: check client id and region",
    ),
    ("InvalidParameterException", "secret", _HAS_SECRET),
    ("UnauthorizedException", "", "the session has ended already"),
)
# What the others do not say, by what was asked for.
SIGNING_IN: Refusals = (
    ("NotAuthorizedException", "", "wrong user name or password"),
    ("UserNotFoundException", "", "wrong user name or password"),
    (
        "InvalidParameterException",
        "flow not enabled",
        "this app client does not allow USER_PASSWORD_AUTH: add ALLOW_USER_PASSWORD_AUTH to it",
    ),
)
REFRESHING: Refusals = (
    ("NotAuthorizedException", "", _ENDED),
    ("UserNotFoundException", "", _ENDED),
    ("RefreshTokenReuseException", "", _ENDED),
    (
        "InvalidParameterException",
        "",
        "this app client refreshes no session: run 'authorizer login' again, or allow it to",
    ),
)


class AccountError(AuthorizerError):
    """One helpful sentence. It never holds a password, a code, a secret or a token."""

    def __init__(self, sentence: str) -> None:
        # What a server put into it must not move the cursor or set a title.
        super().__init__(printable(sentence))


class RefusedError(AccountError):
    """Cognito declined.

    Attributes:
        code: its error code.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def refused(code: str, message: str, asked_for: Refusals) -> RefusedError:
    """What Cognito's error means.

    Args:
        code: Cognito's error code.
        message: Cognito's own, which is shown where no table knows the code.
        asked_for: ``SIGNING_IN`` or ``REFRESHING``.
    """
    for known, part, sentence in (*_REFUSALS, *asked_for):
        if code == known and part in message.lower():
            return RefusedError(code, sentence)
    told = f"Cognito declined with {clip(code)}: {clip(message, 200)}"
    return RefusedError(code, f"{told}; try again, or ask whoever keeps the user pool")
