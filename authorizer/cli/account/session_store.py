"""Where sessions are kept: one file per profile that nobody but the user can read.

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
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from authorizer.cli.account import AccountError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROFILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person signed in.

    Attributes:
        region: of the user pool.
        pool_id: the user pool, where it is known.
        client_id: the app client.
        username: as Cognito calls the user; the secret hash of a refresh is made of it.
        endpoint_url: of an emulator; nothing for AWS.
        api_url: where the API answers, where it is known.
        access_token, id_token, refresh_token: what the sign-in gave.
        expires_at_seconds: when the access token expires, seconds since the epoch.
        device_key: what this machine is called in a pool that remembers devices.
    """

    region: str
    client_id: str
    username: str
    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at_seconds: int
    pool_id: str | None = None
    endpoint_url: str | None = None
    api_url: str | None = None
    device_key: str | None = None

    def __post_init__(self) -> None:
        """Refuse what a damaged file may hold."""
        kinds = {"str": (str,), "str | None": (str, type(None)), "int": (int,)}
        for each in fields(self):
            if type(getattr(self, each.name)) not in kinds[str(each.type)]:
                raise TypeError(each.name)


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
