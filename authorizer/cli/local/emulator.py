"""A running ministack: one process of our own, on loopback, with its own port and folder.

Its clients reach it and nothing else. A developer's machine may hold a real profile, real
credentials, a proxy, or an endpoint of another emulator. None of them may be used here, not even
read: a botocore session takes nothing from the environment or from files, and every client is
given its endpoint.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import requests
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from authorizer.cli.local.project import LocalStackError
from authorizer.cli.local.supervisor import (
    free_port,
    last_words,
    own_folder,
    supervised,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
# By whom the emulator is called: see emulator_process.
RUN_HEADER = "X-Authorizer-Run"
_PROCESS = Path(__file__).with_name("emulator_process.py")
_SECRET_BYTES = 20
# Usually up in well under a second; a busy two-core machine was seen to need four.
_START_SECONDS = 60
# A port that was free may be taken before the emulator binds it, by a second `make run` for one.
_PORTS_TO_TRY = 5


def unconfigured_session(access_key: str = "local", secret_key: str = "local") -> Any:  # noqa: ANN401 - boto3 ships no types
    """A boto3 session that knows nothing of this machine's AWS configuration."""
    blind = {name: (key, None, value, cast) for name, (key, _, value, cast) in VARIABLES.items()}
    for name in ("config_file", "credentials_file"):
        blind[name] = (None, None, os.devnull, None)
    return boto3.session.Session(
        botocore_session=botocore.session.Session(session_vars=blind),
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=REGION,
    )


def direct_session() -> requests.Session:
    """Requests that nothing on this machine changes.

    A .netrc would add an Authorization header, and a proxy would get it.
    """
    http = requests.Session()
    http.trust_env = False
    return http


class Emulator:
    """Where the emulator answers, and its clients, made when first asked for.

    Attributes:
        identity: variables with which other clients ask it for anything.

    Args:
        url: its address on loopback, without a slash at the end.
        access_key: of this run, as its secret.
        secret_key: the same.
        run: by which the clients name themselves; by default the access key.
    """

    def __init__(self, url: str, access_key: str, secret_key: str, run: str | None = None) -> None:
        self.url = url
        self.identity = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_SESSION_TOKEN": "",
            "AWS_DEFAULT_REGION": REGION,
        }
        self._run = run or access_key
        self._session = unconfigured_session(access_key, secret_key)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 ships no types
        """The client of a service, by boto3's name for it."""
        if service not in self._clients:
            client = self._clients[service] = self._session.client(
                service,
                endpoint_url=self.url,
                config=Config(
                    connect_timeout=5,
                    read_timeout=60,
                    retries={"total_max_attempts": 1},
                    proxies={},
                    s3={"addressing_style": "path"},
                ),
            )
            client.meta.events.register(f"before-call.{service}", self._name_run)
        return self._clients[service]

    @property
    def cognito(self) -> Any:  # noqa: ANN401 - boto3 ships no types
        """The client of Cognito's user pools."""
        return self.client("cognito-idp")

    def _name_run(self, params: dict[str, Any], **_: object) -> None:
        params["headers"][RUN_HEADER] = self._run

    def jwks_url(self, pool_id: str) -> str:
        """Where it publishes a pool's keys."""
        return f"{self.url}/{pool_id}/.well-known/jwks.json"

    def is_account(self, account: str) -> bool:
        """Whether it is up, and the emulator that was given this account."""
        # Another server at that port may answer anything.
        with suppress(BotoCoreError, ClientError, ResponseParserError):
            return bool(self.client("sts").get_caller_identity()["Account"] == account)
        return False


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """Start an emulator and stop it in the end, with its function workers and its folder.

    Raises:
        LocalStackError: it did not come up.
    """
    for attempt in range(_PORTS_TO_TRY):
        url = f"http://127.0.0.1:{free_port()}"
        account = f"{secrets.randbelow(10**12):012}"
        keys = (f"LOCAL{secrets.token_hex(16)}", secrets.token_hex(_SECRET_BYTES))
        emulator = Emulator(url, *keys)
        with own_folder() as folder:
            environment = _environment(folder, url, account, keys)
            command = [sys.executable, "-P", str(_PROCESS)]
            with supervised(command, folder, environment) as process:
                # Another run's emulator may have taken the port. It has another account.
                if wait_until(partial(emulator.is_account, account), _START_SECONDS, process):
                    yield emulator
                    return
                words = last_words(process)
        if "already in use" not in words.lower() or attempt == _PORTS_TO_TRY - 1:
            break
    raise LocalStackError(f"the emulator did not start\n{words}".strip())


def _environment(folder: Path, url: str, account: str, keys: tuple[str, str]) -> dict[str, str]:
    """Nothing of ours but the PATH: no credentials, no proxy, and no switches meant for others."""
    (folder / "tmp").mkdir()
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "GATEWAY_PORT": url.rpartition(":")[2],
        "BIND_HOST": "127.0.0.1",
        # Signatures are checked, and what app clients demand: their secret, and their flows.
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "IOT_MTLS_ENABLED": "0",  # would listen on a fixed port
        "DOCKER_HOST": f"unix://{folder}/no-docker",  # it looks for containers to tidy up
        "LOG_LEVEL": "WARNING",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_REGION": REGION,
    }
