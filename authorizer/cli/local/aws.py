"""AWS clients that reach the emulator and nothing else.

A developer's machine may hold a real profile, real credentials, a proxy, or an endpoint of another
emulator. None of them may be used here, not even read: a botocore session takes nothing from
the environment or from files, and every client is given its endpoint.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES

REGION = "us-east-1"
# The emulator checks none of it. Not twelve digits, which it would take for an account.
_ACCESS_KEY, _SECRET_KEY = "local", "local"


def session() -> Any:  # noqa: ANN401 - boto3 ships no types
    """A boto3 session that knows nothing of this machine's AWS configuration."""
    blind = {name: (key, None, value, cast) for name, (key, _, value, cast) in VARIABLES.items()}
    for name in ("config_file", "credentials_file"):
        blind[name] = (None, None, os.devnull, None)
    return boto3.session.Session(
        botocore_session=botocore.session.Session(session_vars=blind),
        aws_access_key_id=_ACCESS_KEY,
        aws_secret_access_key=_SECRET_KEY,
        region_name=REGION,
    )


class Aws:
    """Clients of one emulator, made when first asked for."""

    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._session = session()
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 ships no types
        """The client of a service, by boto3's name for it."""
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service,
                endpoint_url=self._endpoint_url,
                config=Config(
                    connect_timeout=5,
                    read_timeout=60,
                    retries={"total_max_attempts": 1},
                    proxies={},
                    s3={"addressing_style": "path"},
                ),
            )
        return self._clients[service]
