"""Role-based access control in front of an AWS API: verify a Cognito token, then ask the policy.

The verifier alone::

    verifier = TokenVerifier(UserPool("eu-west-1_AbCdEfGhI", ["4k2example"]))
    token = verifier.verify(text)  # an AccessToken, or InvalidTokenError with a Reason

The whole authorizer::

    authorizer = Authorizer.from_settings(Settings.from_environment(os.environ))
    answer = authorizer.authorize(event)
"""

from importlib import import_module
from typing import TYPE_CHECKING

_MODULES = (
    "errors",
    "gateway.events",
    "authorizer",
    "policy.decision",
    "policy.model",
    "settings",
    "tokens.claims",
    "tokens.jwks",
    "tokens.keys",
    "tokens.pool",
    "tokens.verifier",
)

if TYPE_CHECKING:
    from authorizer.authorizer import Authorizer, Outcome
    from authorizer.errors import (
        AuthorizerError,
        ConfigurationError,
        InvalidTokenError,
        KeysUnavailableError,
        MalformedRequestError,
        Reason,
        RevocationsUnavailableError,
        UnauthorizedError,
    )
    from authorizer.gateway.events import Request
    from authorizer.policy.decision import Policy
    from authorizer.policy.model import Decision
    from authorizer.settings import Settings
    from authorizer.tokens.claims import AccessToken, IdToken
    from authorizer.tokens.jwks import JwksCache
    from authorizer.tokens.keys import KeySet
    from authorizer.tokens.pool import JwksTiming, UserPool
    from authorizer.tokens.verifier import TokenVerifier
else:

    def __getattr__(name: str) -> object:
        """Load what is public when some of it is asked for: commands need little, and start."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        for path in _MODULES:
            names = vars(import_module(f"{__name__}.{path}"))
            globals().update({name: names[name] for name in names.keys() & {*__all__}})
        return globals()[name]


__all__ = [
    "AccessToken",
    "Authorizer",
    "AuthorizerError",
    "ConfigurationError",
    "Decision",
    "IdToken",
    "InvalidTokenError",
    "JwksCache",
    "JwksTiming",
    "KeySet",
    "KeysUnavailableError",
    "MalformedRequestError",
    "Outcome",
    "Policy",
    "Reason",
    "Request",
    "RevocationsUnavailableError",
    "Settings",
    "TokenVerifier",
    "UnauthorizedError",
    "UserPool",
]
