"""A user pool for one run: its keys are made when it is, and nobody else ever trusts them.

It issues what Cognito would, claim for claim, to the sample users. The authorizer is given its
key set as a file, so that nothing is fetched from anywhere.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from authorizer.cli.event.samples import SAMPLE_SUB, Placeholder
from authorizer.tokens.pool import derived_issuers

if TYPE_CHECKING:
    from collections.abc import Mapping

POOL_ID = "eu-west-1_ThrowAway"
CLIENT_ID = "4k2exampleclient"
MACHINE_CLIENT_ID = "7h8examplemachine"
_HOUR = 3600
_KEY_BITS = 2048  # what Cognito uses, and the least that is accepted
# Cognito signs access and ID tokens with different keys.
_ACCESS_KEY, _ID_KEY = "throw-away-access", "throw-away-id"


class ThrowAwayPool:
    """Signs tokens for the sample users.

    Attributes:
        pools: it and its clients, as AUTHORIZER_USER_POOLS wants them.
    """

    pools = f"{POOL_ID}={CLIENT_ID},{MACHINE_CLIENT_ID}"
    sub = SAMPLE_SUB

    def __init__(self) -> None:
        self._keys = {
            name: rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
            for name in (_ACCESS_KEY, _ID_KEY)
        }
        self._issuer = derived_issuers(POOL_ID)[0]

    def key_sets(self) -> Mapping[str, bytes]:
        """The pool's JWK Set by its id."""
        entries = [_public_jwk(name, key) for name, key in self._keys.items()]
        return {POOL_ID: json.dumps({"keys": entries}).encode()}

    def token(self, placeholder: Placeholder) -> str:
        """The token that belongs where this placeholder stands, issued now for an hour."""
        match placeholder:
            case Placeholder.ACCESS:
                return self._sign(self._user("reader"))
            case Placeholder.SUSPENDED:
                return self._sign(self._user("reader", "suspended"))
            case Placeholder.EXPIRED:
                return self._sign(self._user("reader", age_seconds=2 * _HOUR))
            case Placeholder.MACHINE:
                return self._sign(self._machine())
            case Placeholder.ID:
                return self._sign(self._id(), _ID_KEY)

    def _common(self, *, use: str, age_seconds: int = 0) -> dict[str, Any]:
        issued_at = int(time.time()) - age_seconds
        return {
            "iss": self._issuer,
            "token_use": use,
            "auth_time": issued_at,
            "iat": issued_at,
            "exp": issued_at + _HOUR,
            "jti": str(uuid.uuid4()),
            "origin_jti": str(uuid.uuid4()),
        }

    def _user(self, *groups: str, age_seconds: int = 0) -> dict[str, Any]:
        return {
            **self._common(use="access", age_seconds=age_seconds),
            "sub": SAMPLE_SUB,
            "cognito:groups": list(groups),
            "client_id": CLIENT_ID,
            "event_id": str(uuid.uuid4()),
            "scope": "aws.cognito.signin.user.admin",
            "username": "alice",
        }

    def _machine(self) -> dict[str, Any]:
        return {
            **self._common(use="access"),
            "sub": MACHINE_CLIENT_ID,
            "client_id": MACHINE_CLIENT_ID,
            "scope": "reports/read",
            "version": 2,
        }

    def _id(self) -> dict[str, Any]:
        return {
            **self._common(use="id"),
            "sub": SAMPLE_SUB,
            "cognito:groups": ["reader"],
            "aud": CLIENT_ID,
            "event_id": str(uuid.uuid4()),
            "cognito:username": "alice",
        }

    def _sign(self, claims: Mapping[str, Any], key: str = _ACCESS_KEY) -> str:
        header = {"kid": key, "alg": "RS256"}
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        signature = self._keys[key].sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{_encode(signature)}"


def _public_jwk(name: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kid": name,
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "e": _encode(numbers.e.to_bytes(3, "big")),
        "n": _encode(numbers.n.to_bytes(_KEY_BITS // 8, "big")),
    }


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
