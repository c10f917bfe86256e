"""Role-based access control in front of an AWS API: verify a Cognito token, then ask the policy.

The verifier alone::

    verifier = TokenVerifier(UserPool("eu-west-1_AbCdEfGhI", ["4k2example"]))
    token = verifier.verify(text)  # an AccessToken, or InvalidTokenError with a Reason

The whole authorizer::

    authorizer = Authorizer.from_settings(Settings.from_environment(os.environ))
    answer = authorizer.authorize(event)
"""

from authorizer.errors import (
    AuthorizerError,
    ConfigurationError,
    InvalidTokenError,
    KeysUnavailableError,
    MalformedRequestError,
    Reason,
    UnauthorizedError,
)
from authorizer.gateway.events import Request
from authorizer.pipeline import Authorizer, Outcome
from authorizer.policy.model import Decision, Policy
from authorizer.settings import Settings
from authorizer.tokens.claims import AccessToken, IdToken
from authorizer.tokens.jwks import JwksCache, JwksTiming
from authorizer.tokens.keys import KeySet
from authorizer.tokens.pool import UserPool
from authorizer.tokens.verifier import TokenVerifier

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
    "Settings",
    "TokenVerifier",
    "UnauthorizedError",
    "UserPool",
]
