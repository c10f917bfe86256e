"""A running ministack: one process of our own, on loopback, with its own port and folder."""

from __future__ import annotations

import os
import secrets
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from authorizer.cli.local.aws import REGION, Aws
from authorizer.cli.local.errors import LocalStackError
from authorizer.cli.local.guarded import emulator_folder, free_port, guarded
from authorizer.cli.local.people import SAMPLE_USERS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

_GATE = Path(__file__).with_name("gate.py")
# Usually up in well under a second; a busy two-core machine was seen to need four.
_START_SECONDS = 60
# A port that was free may be taken before the emulator binds it, by a second `make run` for one.
_PORTS_TO_TRY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """Where the emulator answers.

    Attributes:
        url: its address on loopback, without a slash at the end.
        aws: clients bound to it.
    """

    url: str
    aws: Aws

    def jwks_url(self, pool_id: str) -> str:
        """Where it publishes a pool's keys."""
        return f"{self.url}/{pool_id}/.well-known/jwks.json"


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """Start an emulator and stop it in the end, with its function workers and its folder.

    Raises:
        LocalStackError: it did not come up.
    """
    for attempt in range(_PORTS_TO_TRY):
        port = free_port()
        account = f"{secrets.randbelow(10**12):012}"
        access_key = f"LOCAL{secrets.token_hex(16)}"
        with _ministack(port, account, access_key) as process:
            url = f"http://127.0.0.1:{port}"
            emulator = Emulator(url=url, aws=Aws(url, access_key))
            if _wait_until_ours(emulator, account, process):
                yield emulator
                return
            last_words = process.communicate()[0].strip() if process.poll() is not None else ""
        if "already in use" not in last_words.lower() or attempt == _PORTS_TO_TRY - 1:
            break
    raise LocalStackError(f"the emulator did not start\n{last_words}".strip())


@contextmanager
def _ministack(port: int, account: str, access_key: str) -> Iterator[subprocess.Popen[str]]:
    with emulator_folder() as folder:
        (folder / "tmp").mkdir()
        environment = _environment(folder, port, account) | {"GATE_KEY": access_key}
        with guarded([sys.executable, "-P", str(_GATE)], folder, environment) as process:
            yield process


def _environment(folder: Path, port: int, account: str) -> dict[str, str]:
    """Nothing of ours but the PATH: no credentials, no proxy, and no switches meant for others."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",  # would listen on a fixed port
        "DOCKER_HOST": f"unix://{folder}/no-docker",  # it looks for containers to tidy up
        "LOG_LEVEL": "WARNING",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_REGION": REGION,
        "MAY_REPEAT_CODES": ",".join(SAMPLE_USERS),  # they sign in by script, within seconds
    }


def _wait_until_ours(emulator: Emulator, account: str, process: subprocess.Popen[str]) -> bool:
    """Whether the emulator came up, and is ours: one on the same port has another account."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(BotoCoreError, ClientError):
            if emulator.aws.client("sts").get_caller_identity()["Account"] == account:
                return True
        time.sleep(0.1)
    return False
