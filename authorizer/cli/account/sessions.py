"""Who is signed in: the session of a profile, kept in a file that nobody but the user can read.

The file is written whole beside the old one and then takes its place, so that an interrupted run
loses nothing. Before it is read, its owner and permissions are looked at: tokens that others could
have read, or put there, are not used.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from authorizer.cli.account.errors import AccountError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROFILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A token that expires while the request is under way is as bad as an expired one.
_EARLY_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An app client of a pool, and the API that its tokens are for.

    The client's secret is no part of it: it is in COGNITO_CLIENT_SECRET, and nowhere else.

    Attributes:
        region: of the pool.
        client_id: the app client.
        pool_id, api_url: where they are known; signing in needs neither.
        endpoint_url: of an emulator; nothing for AWS.
    """

    region: str
    client_id: str
    pool_id: str | None = None
    endpoint_url: str | None = None
    api_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Target):
    """A person signed in.

    Attributes:
        username: as Cognito calls the user; the secret hash of a refresh is made of it.
        access_token, id_token, refresh_token: what the sign-in gave.
        expires_at_seconds: when the access token expires, seconds since the epoch.
        device_key: what this machine is called in a pool that remembers devices.
    """

    username: str
    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at_seconds: int
    device_key: str | None = None

    def __post_init__(self) -> None:
        """Refuse what a damaged file may hold."""
        kinds = {"str": (str,), "str | None": (str, type(None)), "int": (int,)}
        for each in fields(self):
            if type(getattr(self, each.name)) not in kinds[str(each.type)]:
                raise TypeError(each.name)

    @property
    def is_fresh(self) -> bool:
        """Whether the access token is good for a minute at least."""
        return self.expires_at_seconds - time.time() > _EARLY_SECONDS


class NobodySignedInError(AccountError):
    """A profile has no session."""


class SessionStore:
    """The sessions of this user on this machine, by profile."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder; by default ``$XDG_STATE_HOME/authorizer``, below ``~/.local/state``."""
        self.folder = folder or _default_folder()

    def check(self, profile: str) -> None:
        """Find out whether a session could be kept, before anybody types a password.

        Raises:
            AccountError: it could not.
        """
        path = self._path(profile)
        for place in (self.folder, path):
            with _file_errors(path, "written"), suppress(FileNotFoundError):
                _require_private(place)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Change sessions alone: a refresh token that two commands use at once may end both.

        The lock is on the open folder, so that nothing is left of it, however its holder ends.

        Raises:
            AccountError: there is no folder to lock.
        """
        with _file_errors(self.folder, "read"):
            descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def save(self, profile: str, session: Session) -> Path:
        """Keep a session in place of the profile's last one.

        Raises:
            AccountError: it cannot be kept safely.
        """
        path = self._path(profile)
        with _file_errors(path, "written"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _require_private(self.folder)
            # Made with mode 0600, under a name that was not there before.
            with NamedTemporaryFile("w", dir=self.folder, prefix=".new-", delete=False) as new:
                try:
                    json.dump(asdict(session), new)
                    new.flush()
                    os.fsync(new.fileno())
                    Path(new.name).replace(path)
                except BaseException:
                    Path(new.name).unlink()
                    raise
        return path

    def load(self, profile: str) -> Session:
        """The session of a profile.

        Raises:
            NobodySignedInError: there is none.
            AccountError: others could read it, or it is damaged.
        """
        path = self._path(profile)
        try:
            with _file_errors(path, "read"), suppress(FileNotFoundError):
                _require_private(self.folder)
                _require_private(path)
                return Session(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError, RecursionError) as error:
            raise AccountError(
                f"{path} is damaged: delete it and run 'authorizer login' again"
            ) from error
        raise NobodySignedInError(
            f"nobody is signed in with profile {profile}: run 'authorizer login' first"
        )

    def remove(self, profile: str) -> None:
        """Forget a profile's session, if there is one.

        Raises:
            AccountError: its file cannot be removed.
        """
        path = self._path(profile)
        with _file_errors(path, "removed"):
            path.unlink(missing_ok=True)

    def _path(self, profile: str) -> Path:
        if not _PROFILE.fullmatch(profile):
            raise AccountError(
                f"expected a profile name of letters, digits, '.', '-' and '_', found {profile!r}"
            )
        return self.folder / f"{profile}.json"


@contextmanager
def _file_errors(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AccountError(f"{path} cannot be {done}: {error.strerror}") from error


def _default_folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return base / "authorizer"


def _require_private(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise AccountError(f"{path} is a link, and might lead anywhere: remove it")
    if found.st_uid != os.getuid():
        raise AccountError(f"{path} belongs to another user: remove it, or change its owner")
    if found.st_mode & _OTHERS:
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise AccountError(f"{path} can be used by others: run 'chmod {mode} {path}', or remove it")
