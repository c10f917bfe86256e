"""Sessions on disk: nobody else reads them or puts them there, and none is half written."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from authorizer.cli.account.errors import AccountError
from authorizer.cli.account.sessions import Session, SessionStore

SESSION = Session(
    region="eu-west-1",
    client_id="client",
    username="alice",
    access_token="the-access-token",
    id_token="the-id-token",
    refresh_token="the-refresh-token",
    expires_at_seconds=1_800_000_000,
    pool_id="eu-west-1_Pool",
)
TOKENS = ("the-access-token", "the-id-token", "the-refresh-token")
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "state" / "authorizer")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def refusal(store: SessionStore) -> str:
    """What load says; check says the same of everything but what is in the file."""
    with pytest.raises(AccountError) as caught:
        store.load("default")
    assert not any(token in str(caught.value) for token in TOKENS)
    return str(caught.value)


def test_a_session_comes_back_as_it_was(store: SessionStore) -> None:
    """What was saved is what is loaded, also without a refresh token."""
    for session in (SESSION, replace(SESSION, refresh_token=None, pool_id=None)):
        store.check("default")
        assert store.save("default", session) == store.folder / "default.json"
        assert store.load("default") == session


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_user_can_read_it(store: SessionStore, umask: int) -> None:
    """Folder and file belong to the user alone from the start, whatever the umask."""
    before = os.umask(umask)
    try:
        path = store.save("default", SESSION)
    finally:
        os.umask(before)

    assert (mode(store.folder), mode(path)) == (0o700, 0o600)
    assert [found.name for found in store.folder.iterdir()] == ["default.json"]


def test_saving_again_replaces_the_file(store: SessionStore) -> None:
    """The second session takes the place of the first one in a file of its own, as private."""
    first = store.save("default", SESSION).stat().st_ino
    with (store.folder / "default.json").open() as kept_open:
        path = store.save("default", replace(SESSION, username="bob"))
        assert json.load(kept_open)["username"] == "alice"

    assert path.stat().st_ino != first
    assert mode(path) == 0o600
    assert store.load("default").username == "bob"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["os.fsync", "pathlib.Path.replace"])
def test_an_interrupted_write_keeps_the_old_session(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch, error: BaseException, at: str
) -> None:
    """Whatever stops it half way, the old session is still there, and nothing else is."""
    store.save("default", SESSION)

    def interrupted(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(at, interrupted)
        with pytest.raises((AccountError, KeyboardInterrupt)):
            store.save("default", replace(SESSION, username="bob"))

    assert store.load("default") == SESSION
    assert [found.name for found in store.folder.iterdir()] == ["default.json"]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666])
def test_a_file_that_others_can_use_is_refused(store: SessionStore, bits: int) -> None:
    """Any permission of group or others is one too many, and the sentence says what to run."""
    path = store.save("default", SESSION)
    path.chmod(bits)

    assert refusal(store) == (f"{path} can be used by others: run 'chmod 600 {path}', or remove it")
    with pytest.raises(AccountError, match="chmod 600"):
        store.check("default")


@pytest.mark.parametrize("bits", [0o750, 0o705, 0o720, 0o702, 0o710, 0o701, 0o777])
def test_a_folder_that_others_can_use_is_refused(store: SessionStore, bits: int) -> None:
    """Whoever can write to the folder could put a session there: not loaded, and none saved."""
    store.save("default", SESSION)
    store.folder.chmod(bits)

    assert f"chmod 700 {store.folder}" in refusal(store)
    with pytest.raises(AccountError, match="chmod 700"):
        store.check("default")
    with pytest.raises(AccountError, match="chmod 700"):
        store.save("other", SESSION)
    assert not (store.folder / "other.json").exists()


def test_a_link_in_place_of_the_file_is_refused(store: SessionStore, tmp_path: Path) -> None:
    """A link is not followed, and what it leads to is neither used nor written to."""
    elsewhere = store.save("default", SESSION).replace(tmp_path / "elsewhere.json")
    (store.folder / "default.json").symlink_to(elsewhere)

    assert "is a link" in refusal(store)
    with pytest.raises(AccountError, match="is a link"):
        store.check("default")
    before = elsewhere.read_bytes()
    store.save("default", replace(SESSION, username="bob"))
    assert elsewhere.read_bytes() == before
    assert not (store.folder / "default.json").is_symlink()


def test_a_link_in_place_of_the_folder_is_refused(store: SessionStore, tmp_path: Path) -> None:
    """A folder that is a link might lead into another user's."""
    store.save("default", SESSION)
    store.folder.rename(tmp_path / "elsewhere")
    store.folder.symlink_to(tmp_path / "elsewhere")

    assert "is a link" in refusal(store)
    with pytest.raises(AccountError, match="is a link"):
        store.save("default", SESSION)


@needs_root
@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_belongs_to_somebody_else_is_refused(store: SessionStore, which: str) -> None:
    """A session that another user put there would have us call the API in his name."""
    path = store.save("default", SESSION)
    os.chown(path if which == "file" else store.folder, 12345, 12345)

    assert "belongs to another user" in refusal(store)
    with pytest.raises(AccountError, match="belongs to another user"):
        store.check("default")


GOOD = {
    "region": "eu-west-1",
    "client_id": "c",
    "username": "alice",
    "access_token": TOKENS[0],
    "id_token": TOKENS[1],
    "refresh_token": TOKENS[2],
    "expires_at_seconds": 1,
}


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", '"text"', "3", "{}", json.dumps(GOOD)[:-20]),
        json.dumps(GOOD | {"surplus": 1}),
        json.dumps({name: value for name, value in GOOD.items() if name != "id_token"}),
        *(json.dumps(GOOD | {name: 7}) for name in GOOD if name != "expires_at_seconds"),
        *(json.dumps(GOOD | {name: None}) for name in GOOD if name != "refresh_token"),
        *(json.dumps(GOOD | {"expires_at_seconds": value}) for value in (True, "1", 1.5, [1])),
        *(json.dumps(GOOD | {name: ["x"]}) for name in ("pool_id", "endpoint_url", "api_url")),
        json.dumps(GOOD | {"device_key": 7}),
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_refused(store: SessionStore, text: str) -> None:
    """Neither a traceback nor a guess: the sentence says to sign in again, and quotes no token."""
    path = store.save("default", SESSION)
    path.write_text(text)

    assert refusal(store) == f"{path} is damaged: delete it and run 'authorizer login' again"


def test_a_session_of_an_earlier_version_is_read(store: SessionStore) -> None:
    """It knows of no device."""
    path = store.save("default", SESSION)
    data = json.loads(path.read_text())
    del data["device_key"]
    path.write_text(json.dumps(data))
    assert store.load("default") == SESSION


def test_a_lock_is_for_one_at_a_time_and_leaves_nothing(store: SessionStore) -> None:
    """It is on the folder: no file of it stays, and it ends with its holder."""
    store.save("default", SESSION)
    folder = os.open(store.folder, os.O_RDONLY)
    try:
        with store.locked(), pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(folder)
    assert [path.name for path in store.folder.iterdir()] == ["default.json"]


def test_there_must_be_something_to_lock(store: SessionStore) -> None:
    """A folder that went away is a sentence."""
    with pytest.raises(AccountError, match="cannot be read: No such file"), store.locked():
        pass


def test_bytes_that_are_no_text_are_damage(store: SessionStore) -> None:
    """A file that is not UTF-8 is as damaged as one that is not JSON."""
    store.save("default", SESSION).write_bytes(b'{"region": "\xff"}')
    assert "is damaged" in refusal(store)


def test_a_folder_in_place_of_the_file_is_refused(store: SessionStore) -> None:
    """What cannot be read gives a sentence, not a traceback."""
    store.folder.mkdir(parents=True, mode=0o700)
    (store.folder / "default.json").mkdir(mode=0o700)

    assert "cannot be read" in refusal(store)
    with pytest.raises(AccountError, match="cannot be written"):
        store.save("default", SESSION)
    with pytest.raises(AccountError, match="cannot be removed"):
        store.remove("default")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A state folder that cannot be one is found out before anybody types a password."""
    (tmp_path / "state").write_text("")
    store = SessionStore(tmp_path / "state" / "authorizer")

    with pytest.raises(AccountError, match="cannot be written"):
        store.check("default")
    with pytest.raises(AccountError, match="cannot be written"):
        store.save("default", SESSION)


@pytest.mark.parametrize(
    "profile",
    [
        *("", ".", "..", "../x", "a/b", "/etc/passwd", "a\\b", "a b", "-x", ".hidden", "a\n"),
        *("a\0", "é", "x" * 65),
    ],
)
def test_a_profile_name_cannot_lead_elsewhere(store: SessionStore, profile: str) -> None:
    """Names that are paths, options, hidden or invisible are refused by everything."""
    for use in (store.check, store.load, store.remove, lambda name: store.save(name, SESSION)):
        with pytest.raises(AccountError, match="expected a profile name"):
            use(profile)
    assert not store.folder.exists()


def test_profiles_do_not_touch_each_other(store: SessionStore) -> None:
    """Each has its own file, and removing one leaves the other."""
    store.save("alice", SESSION)
    store.save("bob.2-x_Y", replace(SESSION, username="bob"))
    store.remove("alice")

    with pytest.raises(AccountError) as caught:
        store.load("alice")
    assert str(caught.value) == (
        "nobody is signed in with profile alice: run 'authorizer login' first"
    )
    assert store.load("bob.2-x_Y").username == "bob"


def test_removing_what_is_not_there_is_no_error(store: SessionStore) -> None:
    """Whoever is signed out already stays signed out."""
    store.remove("default")
    store.save("default", SESSION)
    store.remove("default")
    store.remove("default")
    assert list(store.folder.iterdir()) == []


def test_a_session_prints_no_token() -> None:
    """A traceback or a log line with a session in it gives nothing away."""
    for text in (repr(SESSION), str(SESSION), f"{SESSION}"):
        assert "alice" in text
        assert not any(token in text for token in TOKENS)


def test_the_folder_is_the_users_state_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """XDG_STATE_HOME where it is absolute, as the specification has it; otherwise below home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert SessionStore().folder == Path("/state/authorizer")
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert SessionStore().folder == tmp_path / ".local" / "state" / "authorizer"
