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


def session(access_key: str = "local") -> Any:  # noqa: ANN401 - boto3 ships no types
    """A boto3 session that knows nothing of this machine's AWS configuration.

    Args:
        access_key: what the emulator's gate asks for; the secret that belongs to it is not checked.
    """
    blind = {name: (key, None, value, cast) for name, (key, _, value, cast) in VARIABLES.items()}
    for name in ("config_file", "credentials_file"):
        blind[name] = (None, None, os.devnull, None)
    return boto3.session.Session(
        botocore_session=botocore.session.Session(session_vars=blind),
        aws_access_key_id=access_key,
        aws_secret_access_key="local",  # noqa: S106 - nobody checks it
        region_name=REGION,
    )


class Aws:
    """Clients of one emulator, made when first asked for."""

    def __init__(self, endpoint_url: str, access_key: str) -> None:
        self._endpoint_url = endpoint_url
        self._session = session(access_key)
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
