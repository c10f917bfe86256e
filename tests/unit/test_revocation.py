"""Tokens that were taken back: by when it holds, and what becomes of the rest without the list."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from dynamodb_standin import serve_table
from simulator import NOW, Clock, Cognito, wait_until

from authorizer import (
    ConfigurationError,
    InvalidTokenError,
    JwksCache,
    Reason,
    RevocationsUnavailableError,
    TokenVerifier,
)
from authorizer.tokens.revocation import Revocations, reader_of_table

if TYPE_CHECKING:
    from collections.abc import Callable

COGNITO = Cognito()
CLAIMS = COGNITO.claims()
TOKEN, ID_TOKEN = COGNITO.token(), COGNITO.id_token()
SUB = f"sub#{CLAIMS['sub']}"
TIME_TO_LIVE = 30


@dataclass
class List:
    """A list of revoked tokens that counts its readings, and can be out of reach."""

    entries: set[str] = field(default_factory=set)
    is_gone: bool = False
    readings: list[int] = field(default_factory=list)
    during: Callable[[], object] = lambda: None

    def read(self, now_seconds: int) -> frozenset[str]:
        self.readings.append(now_seconds)
        self.during()
        if self.is_gone:
            raise OSError("out of reach")
        return frozenset(self.entries)


def revocations(found: List, clock: Callable[[], float], **settings: Any) -> Revocations:
    return Revocations(found.read, time_to_live_seconds=TIME_TO_LIVE, clock=clock, **settings)


def verifier(found: List, clock: Callable[[], float], **settings: Any) -> TokenVerifier:
    """Ours, with bundled keys that outlive what a test lets pass."""
    pool = COGNITO.pool()
    keys = JwksCache(never_expiring={pool: COGNITO.key_set()}, clock=clock)
    listed = revocations(found, clock, **settings)
    return TokenVerifier(pool, keys=keys, revocations=listed, clock=clock)


def reason_of(call: Callable[[], object]) -> Reason | None:
    try:
        call()
    except InvalidTokenError as error:
        return error.reason
    return None


# --- who is revoked -------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["sub", "origin_jti", "jti"])
def test_a_token_is_revoked_by_its_user_its_sign_in_or_itself(claim: str) -> None:
    """Each of them, and no other claim, and no other value."""
    entries = {f"{claim}#{CLAIMS[claim]}", "client_id#4k2exampleclient", f"{claim}#", claim}
    own = verifier(List(entries), Clock())
    assert reason_of(lambda: own.verify(TOKEN)) is Reason.REVOKED
    assert own.verify(COGNITO.token(**{claim: "another"})).username == "alice"


def test_an_id_token_is_revoked_like_its_access_token() -> None:
    """They came of one sign-in."""
    own = verifier(List({f"origin_jti#{CLAIMS['origin_jti']}"}), Clock())
    assert reason_of(lambda: own.verify_id_token(ID_TOKEN)) is Reason.REVOKED


def test_a_claim_that_is_not_there_is_not_revoked() -> None:
    """Tokens of clients have no sign-in. Their client is their sub."""
    token = COGNITO.token(origin_jti=None, jti=None, username=None, cognito_groups=None)
    found = List({"origin_jti#None", "jti#None", "origin_jti#", "jti#"})
    assert verifier(found, Clock()).verify(token).jti is None
    found.entries.add(SUB)
    assert reason_of(lambda: verifier(found, Clock()).verify(token)) is Reason.REVOKED


def test_what_is_wrong_with_a_token_otherwise_comes_first() -> None:
    """Nobody learns by made-up tokens who is on the list, and none has it read."""
    found = List({SUB})
    own = verifier(found, Clock())
    assert reason_of(lambda: own.verify("garbage")) is Reason.TOKEN_NOT_COMPACT
    assert reason_of(lambda: own.verify(COGNITO.token(exp=NOW - 1))) is Reason.EXPIRED
    assert found.readings == []


# --- by when it holds -----------------------------------------------------------------------------


def test_a_remembered_token_is_refused_within_the_time_to_live() -> None:
    """The list is read anew when half of it is over, and not for each token."""
    found, clock = List(), Clock()
    own = verifier(found, clock)
    assert own.verify(TOKEN).username == "alice"
    found.entries.add(SUB)
    clock.pass_seconds(TIME_TO_LIVE / 2 - 0.001)
    assert own.verify(TOKEN).username == "alice"
    assert found.readings == [NOW]
    clock.pass_seconds(0.001)
    assert reason_of(lambda: own.verify(TOKEN)) is Reason.REVOKED
    assert found.readings == [NOW, NOW + TIME_TO_LIVE / 2]


def test_who_is_taken_off_the_list_is_accepted_within_the_time_to_live() -> None:
    """With the same token."""
    found, clock = List({SUB}), Clock()
    own = verifier(found, clock)
    assert reason_of(lambda: own.verify(TOKEN)) is Reason.REVOKED
    found.entries.clear()
    clock.pass_seconds(TIME_TO_LIVE / 2)
    assert own.verify(TOKEN).username == "alice"


def test_a_list_is_as_old_as_the_question_for_it() -> None:
    """Who was put on it while it was on its way is not on it."""
    found, clock = List(), Clock()
    found.during = lambda: clock.pass_seconds(10)
    own = revocations(found, clock)
    own.require_unrevoked(CLAIMS)
    found.during = lambda: None
    clock.pass_seconds(TIME_TO_LIVE / 2 - 10)
    own.require_unrevoked(CLAIMS)
    assert len(found.readings) == 2


def test_a_reading_that_takes_longer_than_a_list_is_kept_counts() -> None:
    """There is no newer one, and to refuse everybody for it would help nobody."""
    found, clock = List({SUB}), Clock()
    found.during = lambda: clock.pass_seconds(TIME_TO_LIVE + 1)
    own = verifier(found, clock)
    for readings in (1, 2):
        assert reason_of(lambda: own.verify(TOKEN)) is Reason.REVOKED
        assert len(found.readings) == readings


@pytest.mark.parametrize("seconds", [-1, -3600, 86_400])
def test_a_clock_that_leaps_has_the_list_read_anew(seconds: float) -> None:
    """Set back, nobody knows how old it is; so it is with a snapshot, days later."""
    found, clock = List(), Clock()
    own = verifier(found, clock)
    own.verify(COGNITO.token(exp=NOW + 90_000))
    found.entries.add(SUB)
    clock.pass_seconds(seconds)
    token = COGNITO.token(exp=NOW + 90_000, iat=NOW - 7200, auth_time=NOW - 7200)
    assert reason_of(lambda: own.verify(token)) is Reason.REVOKED


# --- without the list -----------------------------------------------------------------------------


def test_a_list_out_of_reach_decides_until_it_is_too_old() -> None:
    """In both ways; and then nobody gets in, until it is back."""
    found, clock = List({"sub#mallory"}), Clock()
    own = verifier(found, clock)
    mallory = COGNITO.token(sub="mallory")
    assert own.verify(TOKEN).username == "alice"
    found.is_gone = True
    clock.pass_seconds(TIME_TO_LIVE - 0.001)
    assert own.verify(TOKEN).username == "alice"
    assert reason_of(lambda: own.verify(mallory)) is Reason.REVOKED
    clock.pass_seconds(0.001)
    for token in (TOKEN, mallory):
        with pytest.raises(RevocationsUnavailableError, match="no list of revoked tokens"):
            own.verify(token)
    found.is_gone = False
    clock.pass_seconds(5)
    assert own.verify(TOKEN).username == "alice"


def test_whoever_says_so_gets_on_without_the_list(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is revoked before there was one; then, who was on the last one. The log tells."""
    found, clock = List({SUB}, is_gone=True), Clock()
    own = verifier(found, clock, allow_insecurely=True)
    assert own.verify(TOKEN).username == "alice"
    assert "the list of revoked tokens cannot be read: 'out of reach'" in caplog.text
    found.is_gone = False
    clock.pass_seconds(5)
    assert reason_of(lambda: own.verify(TOKEN)) is Reason.REVOKED
    found.is_gone = True
    clock.pass_seconds(10 * TIME_TO_LIVE)
    assert reason_of(lambda: own.verify(TOKEN)) is Reason.REVOKED
    assert own.verify(COGNITO.token(sub="another")).sub == "another"


def test_a_failed_reading_is_not_repeated_for_each_token() -> None:
    """It may take seconds, and whoever throttles is not helped by more."""
    found, clock = List(is_gone=True), Clock()
    own = verifier(found, clock)
    for later, readings in [(0, 1), (0, 1), (4.999, 1), (0.001, 2), (-60, 3)]:
        clock.pass_seconds(later)
        with pytest.raises(RevocationsUnavailableError):
            own.verify(TOKEN)
        assert len(found.readings) == readings


# --- many at once ---------------------------------------------------------------------------------


def test_many_threads_without_a_list_have_it_read_once() -> None:
    """All of them wait for it, and all of them heed it."""
    found, started = List({SUB}), threading.Barrier(8)
    own = verifier(found, Clock())
    go_on = threading.Event()
    found.during = lambda: go_on.wait(60)

    def call() -> Reason | None:
        started.wait()
        return reason_of(lambda: own.verify(TOKEN))

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(call) for _ in range(8)]
        wait_until(lambda: found.readings != [])
        go_on.set()
        assert {one.result() for one in calls} == {Reason.REVOKED}
    assert len(found.readings) == 1


def test_nobody_waits_for_a_reading_while_the_list_is_good() -> None:
    """One thread reads it; the others go on with what is there."""
    found, clock = List({SUB}), Clock()
    own = verifier(found, clock)
    assert reason_of(lambda: own.verify(TOKEN)) is Reason.REVOKED
    clock.pass_seconds(TIME_TO_LIVE / 2)
    go_on = threading.Event()
    found.during = lambda: go_on.wait(60)
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(lambda: own.verify(COGNITO.token(sub="another")))
        wait_until(lambda: len(found.readings) == 2)
        assert reason_of(lambda: own.verify(TOKEN)) is Reason.REVOKED
        assert not reading.done()
        go_on.set()
        assert reading.result().sub == "another"
    assert len(found.readings) == 2


# --- the table ------------------------------------------------------------------------------------


def test_the_table_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, as of now, and without what has expired; what it cost is one query a page."""
    with serve_table(monkeypatch) as table:
        table.entries = [f"jti#{number}" for number in range(5)]
        assert {*reader_of_table("revoked")(NOW)} == {*table.entries}
    first, second, third = table.questions
    assert first == {
        "TableName": "revoked",
        "ConsistentRead": True,
        "KeyConditionExpression": "#n0 = :v0",
        "ProjectionExpression": "entry",
        "FilterExpression": "NOT expires_at <= :now",
        "ExpressionAttributeNames": {"#n0": "list"},
        "ExpressionAttributeValues": {":now": {"N": str(NOW)}, ":v0": {"S": "revoked"}},
    }
    assert [one["ExclusiveStartKey"] for one in (second, third)] == [
        {"entry": {"S": "2"}},
        {"entry": {"S": "4"}},
    ]


def test_nothing_of_the_table_is_kept_beside_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Powertools remembered would add to the time that a list is used."""
    with serve_table(monkeypatch) as table:
        read = reader_of_table("revoked")
        assert {*read(NOW)} == set()
        table.entries = [SUB]
        assert {*read(NOW)} == {SUB}


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        ("ResourceNotFoundException", 1),
        ("AccessDeniedException", 1),
        ("ProvisionedThroughputExceededException", 2),
    ],
)
def test_a_table_that_is_gone_or_throttles_is_no_list(
    monkeypatch: pytest.MonkeyPatch, error: str, attempts: int
) -> None:
    """It is tried once more where that may help, and no token passes."""
    with serve_table(monkeypatch) as table:
        table.error = error
        own = Revocations(reader_of_table("revoked"), time_to_live_seconds=TIME_TO_LIVE)
        for _ in range(2):
            with pytest.raises(RevocationsUnavailableError):
                own.require_unrevoked(CLAIMS)
        assert len(table.questions) == attempts


@pytest.mark.parametrize("lacks", ["a region", "a client"])
def test_a_start_without_what_reads_the_table_fails(
    monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    """With our own error, whatever was raised: what cannot be read would revoke nobody."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    if lacks == "a client":
        monkeypatch.setitem(sys.modules, "aws_lambda_powertools.utilities.parameters", None)
    with pytest.raises(ConfigurationError, match="the table of revoked tokens cannot be read"):
        reader_of_table("revoked")
