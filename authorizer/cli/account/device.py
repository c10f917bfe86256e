"""This machine as a device of the user's, in a pool that remembers devices.

Such a pool binds the refresh token to a device that it names at the sign-in, and refuses it until
the device is confirmed. Confirming takes an SRP verifier of a password, with which the device could
stand in for the second factor at the next sign-in. Ours never does: the password is thrown away.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from authorizer.cli.account.refusals import in_a_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authorizer.cli.account.target import Target

_NAME = "authorizer login"
# The 3072-bit group of RFC 5054, appendix A, with Cognito's generator.
_PRIME = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
    "15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7"
    "abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c"
    "bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff",
    16,
)
_GENERATOR = 2


def confirm(target: Target, access_token: str, metadata: Mapping[str, str]) -> str:
    """Confirm the device that Cognito has named, and return its key, for refreshing.

    Args:
        target: where the sign-in was.
        access_token: what it gave.
        metadata: ``NewDeviceMetadata`` of its answer.

    Raises:
        AccountError: Cognito declined, or cannot be asked.
    """
    key = metadata["DeviceKey"]
    secret = verifier(
        metadata.get("DeviceGroupKey", ""), key, secrets.token_urlsafe(40), secrets.randbits(128)
    )
    with in_a_sentence(target):
        target.cognito().confirm_device(
            AccessToken=access_token,
            DeviceKey=key,
            DeviceSecretVerifierConfig=secret,
            DeviceName=_NAME,
        )
    return key


def verifier(group_key: str, key: str, password: str, salt: int) -> dict[str, Any]:
    """What Cognito keeps of a device's password (RFC 5054, 2.4, with SHA-256)."""
    inner = hashlib.sha256(f"{group_key}{key}:{password}".encode()).digest()
    exponent = int.from_bytes(hashlib.sha256(_octets(salt) + inner).digest())
    return {
        "PasswordVerifier": _base64(pow(_GENERATOR, exponent, _PRIME)),
        "Salt": _base64(salt),
    }


def _octets(number: int) -> bytes:
    """A number as Java writes it, and so Cognito: a leading zero where it would be negative."""
    return number.to_bytes(number.bit_length() // 8 + 1)


def _base64(number: int) -> str:
    return base64.b64encode(_octets(number)).decode()
