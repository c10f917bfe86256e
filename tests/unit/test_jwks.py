"""The key cache against a real server: what is kept, when it asks, and what it says when it cannot.

Time is a clock moved by hand, except for the deadline: that is real, and short.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from simulator import (
    POOL_ID,
    Clock,
    Cognito,
    JwksServer,
    all_at_once,
    private_key,
    public_jwk,
    serve_jwks,
    wait_until,
)

from authorizer.errors import ConfigurationError, KeysUnavailableError
from authorizer.tokens import jwks
from authorizer.tokens.jwks import JwksCache
from authorizer.tokens.pool import JwksTiming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

    from authorizer.tokens.keys import KeySet, SigningKey
    from authorizer.tokens.pool import UserPool

HOUR = 3_600
TIME_TO_LIVE = 1 * HOUR
STALE_LIMIT = 6 * HOUR
COOL_DOWN = 10
DEADLINE = 3
A_MOMENT = 0.001
SHORT = timedelta(seconds=0.2)


class Rig:
    """One pool, its server, and a cache between them."""

    def __init__(self, server: JwksServer, **timing: timedelta) -> None:
        self.cognito = Cognito()
        self.server = server
        self.server.body = self.cognito.jwks()
        self.clock = Clock()
        self.pool = self.cognito.pool(jwks_url=server.url)
        self.timing = JwksTiming(**timing)
        self.cache = JwksCache(timing=self.timing, clock=self.clock)

    def bundle(self) -> None:
        """Start again with the present keys shipped."""
        self.cache = JwksCache(
            timing=self.timing, bundled={self.pool: self.cognito.key_set()}, clock=self.clock
        )

    def key(self, kid: str = "access-key") -> SigningKey | None:
        return self.cache.of(self.pool).get(kid)

    def has(self, kid: str = "access-key") -> bool:
        key = self.key(kid)
        return key is not None and key.key_id == kid

    def unavailable(self, kid: str = "access-key") -> str:
        with pytest.raises(KeysUnavailableError) as caught:
            self.key(kid)
        return str(caught.value)

    def rotate(self) -> None:
        """The pool replaces its access key."""
        self.cognito.keys["new-key"] = private_key("new")
        del self.cognito.keys["access-key"]
        self.server.body = self.cognito.jwks()

    def settle(self) -> None:
        """Wait for the end of what goes on in the background."""
        state = self.cache._pools[self.pool]
        wait_until(lambda: state._fetch is None)

    def counts(self) -> tuple[int, int]:
        statistics = self.cache.statistics()
        return statistics.fetches, statistics.failures


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with serve_jwks(b"") as running:
        yield running


@pytest.fixture
def rig(server: JwksServer) -> Rig:
    return Rig(server)


@pytest.fixture
def hasty(server: JwksServer) -> Rig:
    """For servers that keep us waiting: a deadline that a test can sit out."""
    return Rig(server, deadline=SHORT)


# --- fetching and keeping ---


def test_fetches_at_the_first_question(rig: Rig) -> None:
    """Nothing is fetched before a key is needed; then one document answers for all its keys."""
    assert rig.server.fetches == 0
    assert rig.has("access-key")
    assert rig.has("id-key")
    assert rig.server.fetches == 1


def test_time_to_live_boundary(rig: Rig) -> None:
    """A set is fresh until just before its time to live, and refreshed at it."""
    assert rig.has()
    rig.clock.pass_seconds(TIME_TO_LIVE - A_MOMENT)
    assert rig.has()
    assert rig.server.fetches == 1
    rig.clock.pass_seconds(A_MOMENT)
    assert rig.has()
    rig.settle()
    assert rig.server.fetches == 2


def test_time_to_live_starts_again_with_each_fetch(rig: Rig) -> None:
    """What was refreshed is fresh for as long again."""
    for hour in range(5):
        assert rig.has()
        rig.settle()
        assert rig.server.fetches == hour + 1
        rig.clock.pass_seconds(TIME_TO_LIVE)


def test_a_withdrawn_key_is_gone_with_the_next_refresh(rig: Rig) -> None:
    """The new set replaces the old one; nothing is merged."""
    assert rig.has("access-key")
    rig.rotate()
    rig.clock.pass_seconds(TIME_TO_LIVE)
    assert rig.has("new-key")
    assert rig.key("access-key") is None


def test_a_replaced_key_of_the_same_kid(rig: Rig) -> None:
    """A kid that comes with another modulus is another key from then on."""
    before = rig.key()
    rig.cognito.keys["access-key"] = private_key("other")
    rig.server.body = rig.cognito.jwks()
    rig.clock.pass_seconds(TIME_TO_LIVE)
    assert rig.key() == before
    rig.settle()
    assert rig.key() not in (None, before)


# --- unknown key ids ---


def test_rotation_is_noticed_at_once(rig: Rig) -> None:
    """A key that is new to us is asked for, without waiting for the time to live."""
    assert rig.has()
    rig.clock.pass_seconds(COOL_DOWN)
    rig.rotate()
    assert rig.has("new-key")
    assert rig.server.fetches == 2


def test_cool_down_boundary(rig: Rig) -> None:
    """An unknown kid does not ask until just before the cool-down is over, and asks at its end."""
    assert rig.key("unknown") is None
    assert rig.server.fetches == 1
    rig.clock.pass_seconds(COOL_DOWN - A_MOMENT)
    assert rig.key("unknown") is None
    assert rig.server.fetches == 1
    rig.clock.pass_seconds(A_MOMENT)
    assert rig.key("unknown") is None
    assert rig.server.fetches == 2


def test_flood_of_unknown_key_ids(rig: Rig) -> None:
    """A thousand invented kids cost one fetch per cool-down, and none of the good ones suffers."""
    for period in range(1, 5):
        for number in range(1_000):
            assert rig.key(f"invented-{period}-{number}") is None
            rig.clock.pass_seconds(COOL_DOWN / 1_000)
        assert rig.has()
        assert rig.server.fetches <= period + 1
    assert rig.counts() == (4, 0)


def test_flood_from_many_threads(rig: Rig) -> None:
    """Many at once are no more than one."""
    assert rig.has()
    rig.clock.pass_seconds(COOL_DOWN)
    assert all_at_once(50, lambda: rig.key("invented")) == [None] * 50
    assert rig.server.fetches == 2


def test_flood_during_an_outage(rig: Rig) -> None:
    """While the server is down, unknown kids cost one fetch per back-off; known keys stay."""
    assert rig.has()
    rig.clock.pass_seconds(COOL_DOWN)
    rig.server.status = 500
    for _ in range(1_000):
        rig.unavailable("invented")
        assert rig.has()
        rig.clock.pass_seconds(0.1)
    # The cool-down of ten seconds rules until the back-off is longer: after 0, 10, 20, 30, 40,
    # then 56 and 88 seconds.
    assert rig.counts() == (8, 7)


def test_an_absence_is_only_known_from_a_fresh_look(rig: Rig) -> None:
    """When asking about an unknown kid fails, the answer is an error and not 'no such key'."""
    assert rig.has()
    rig.clock.pass_seconds(COOL_DOWN)
    rig.server.status = 503
    assert "expected status 200, found 503" in rig.unavailable("new-key")
    assert rig.has("access-key")
    rig.server.status = 200
    rig.clock.pass_seconds(COOL_DOWN)
    assert rig.key("new-key") is None


# --- failures and back-off ---


def test_message_says_what_and_when(rig: Rig) -> None:
    """The log gets the pool, the cause, and when it is tried again."""
    rig.server.status = 500
    assert rig.unavailable() == (
        f"no keys of user pool {POOL_ID}: GET {rig.server.url}: expected status 200, found 500; "
        "asking again after 1 s"
    )


def test_back_off_boundary(rig: Rig) -> None:
    """After a failure nobody asks until just before the back-off is over; at its end, one does."""
    rig.server.status = 500
    rig.unavailable()
    rig.clock.pass_seconds(1 - A_MOMENT)
    rig.unavailable()
    assert rig.server.fetches == 1
    rig.clock.pass_seconds(A_MOMENT)
    rig.unavailable()
    assert rig.server.fetches == 2


def test_back_off_doubles_up_to_its_cap(rig: Rig) -> None:
    """1, 2, 4, ... 32 seconds, and 60 from then on."""
    rig.server.status = 500
    for number, back_off in enumerate([1, 2, 4, 8, 16, 32, 60, 60, 60], start=1):
        assert rig.unavailable().endswith(f"asking again after {back_off} s")
        assert rig.counts() == (number, number)
        rig.clock.pass_seconds(back_off - A_MOMENT)
        rig.unavailable()
        assert rig.server.fetches == number
        rig.clock.pass_seconds(A_MOMENT)


def test_back_off_of_an_endless_outage(rig: Rig) -> None:
    """A thousand failures in a row are computed as fast as the first one."""
    rig.server.status = 500
    for _ in range(1_000):
        message = rig.unavailable()
        rig.clock.pass_seconds(60)
    assert message.endswith("asking again after 60 s")
    assert rig.counts() == (1_000, 1_000)


def test_success_ends_the_back_off(rig: Rig) -> None:
    """After a recovery, the next failure backs off from the beginning."""
    rig.server.status = 500
    for back_off in (1, 2, 4):
        rig.unavailable()
        rig.clock.pass_seconds(back_off)
    rig.server.status = 200
    assert rig.has()
    rig.server.status = 500
    rig.clock.pass_seconds(STALE_LIMIT)
    assert rig.unavailable().endswith("asking again after 1 s")


def test_recovery(rig: Rig) -> None:
    """When the server is back, the first question after the back-off has its answer."""
    rig.server.status = 500
    rig.unavailable()
    rig.server.status = 200
    rig.unavailable()
    rig.clock.pass_seconds(1)
    assert rig.has()
    assert rig.counts() == (2, 1)


def test_stale_limit_boundary(rig: Rig) -> None:
    """While refreshing fails, keys are served until just before the stale limit, not at it."""
    assert rig.has()
    rig.server.status = 500
    rig.clock.pass_seconds(TIME_TO_LIVE)
    assert rig.has()
    rig.settle()
    assert rig.counts() == (2, 1)
    rig.clock.pass_seconds(STALE_LIMIT - TIME_TO_LIVE - A_MOMENT)
    assert rig.has()
    rig.settle()
    rig.clock.pass_seconds(A_MOMENT)
    rig.unavailable()
    rig.clock.pass_seconds(HOUR)
    rig.unavailable()


def test_stale_keys_after_a_long_sleep(rig: Rig) -> None:
    """A frozen sandbox that wakes after the limit asks first, and trusts nothing that it had."""
    assert rig.has()
    rig.rotate()
    rig.clock.pass_seconds(10 * STALE_LIMIT)
    assert rig.key("access-key") is None
    assert rig.has("new-key")


def test_stale_keys_cost_one_fetch_per_back_off(rig: Rig) -> None:
    """Serving stale keys does not mean asking at every request."""
    assert rig.has()
    rig.server.status = 500
    rig.clock.pass_seconds(TIME_TO_LIVE)
    for _ in range(100):
        assert rig.has()
    rig.settle()
    for _ in range(100):
        assert rig.has()
    assert rig.counts() == (2, 1)


@pytest.mark.parametrize("status", [301, 302, 307, 403, 404, 429, 500, 503])
def test_other_statuses_keep_the_keys(rig: Rig, status: int) -> None:
    """Whatever the server says in place of 200, it does not take our keys."""
    assert rig.has()
    rig.clock.pass_seconds(TIME_TO_LIVE)
    with serve_jwks(Cognito(keys={"access-key": private_key("evil")}).jwks()) as other:
        rig.server.status, rig.server.headers = status, {"Location": other.url}
        assert rig.has()
        rig.settle()
        key = rig.key()
        assert other.fetches == 0
    assert key == rig.cognito.key_set().get("access-key")
    assert rig.counts() == (2, 1)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b'{"keys":[', id="cut short"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="object"),
        pytest.param(b'{"keys":{}}', id="keys by name"),
        pytest.param(b'{"keys":null}', id="no array"),
        pytest.param(b'{"keys":[],"keys":[]}', id="keys twice"),
        pytest.param(b'{"message":"Internal server error"}', id="error as JSON"),
        pytest.param(b"\xff" * 9, id="bytes"),
        pytest.param(b"[" * 60_000, id="nested"),
        pytest.param(b'{"keys":[' + b" " * 70_000 + b"]}", id="oversized"),
    ],
)
def test_a_useless_document_replaces_nothing(rig: Rig, body: bytes) -> None:
    """A 200 with something else than a JWK Set is an outage: the keys stay, up to the limit."""
    assert rig.has()
    rig.server.body = body
    rig.clock.pass_seconds(TIME_TO_LIVE)
    assert rig.has()
    rig.settle()
    assert rig.counts() == (2, 1)
    assert rig.has()


def set_of(*entries: Any) -> bytes:
    return json.dumps({"keys": entries}).encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(set_of(), id="empty"),
        pytest.param(set_of({}), id="empty key"),
        pytest.param(set_of(public_jwk(private_key(), "access-key", use="enc")), id="use=enc"),
        pytest.param(set_of({"kty": "EC", "kid": "access-key"}), id="other kind"),
        pytest.param(set_of(public_jwk(private_key("new"), "new-key")), id="others"),
    ],
)
def test_what_an_answer_lacks_is_withdrawn(rig: Rig, body: bytes) -> None:
    """A JWK Set is an answer, also without any usable key: what is not in it is not trusted."""
    assert rig.has()
    rig.server.body = body
    rig.clock.pass_seconds(TIME_TO_LIVE)
    assert rig.has()
    rig.settle()
    assert rig.key() is None
    assert rig.counts() == (2, 0)


def test_an_empty_answer_is_asked_about_again(rig: Rig) -> None:
    """Keys that are back are found after the cool-down, and not only after the time to live."""
    good, rig.server.body = rig.server.body, set_of()
    assert rig.key() is None
    rig.server.body = good
    rig.clock.pass_seconds(COOL_DOWN - A_MOMENT)
    assert rig.key() is None
    rig.clock.pass_seconds(A_MOMENT)
    assert rig.has()
    assert rig.counts() == (2, 0)


def test_one_unfit_key_does_not_take_the_others_down(rig: Rig) -> None:
    """Weak, foreign, private and ambiguous keys are as if they were not there."""
    good, weak = public_jwk(private_key(), "good"), public_jwk(private_key("weak", 1024), "weak")
    twice = [public_jwk(private_key(name), "twice") for name in ("access", "id")]
    entries: list[Any] = [7, weak, good | {"kid": "private", "d": "AQAB"}, *twice, good]
    entries.append(good | {"kid": "encryption", "use": "enc"})
    rig.server.body = repr({"keys": entries}).replace("'", '"').encode()
    assert rig.has("good")
    for kid in ("weak", "private", "twice", "encryption"):
        assert rig.key(kid) is None


# --- deadlines ---


def seconds_to_fail(rig: Rig) -> float:
    began = time.monotonic()
    rig.unavailable()
    return time.monotonic() - began


@pytest.mark.parametrize("misbehave", ["hang", "drip_headers", "drip_body"])
def test_deadline_holds(hasty: Rig, misbehave: str) -> None:
    """Silence, headers byte by byte, body byte by byte: the caller waits for the deadline alone."""
    hasty.server.respond = getattr(hasty.server, misbehave)
    assert seconds_to_fail(hasty) < 1
    assert hasty.counts() == (1, 1)


def test_a_resolver_that_hangs(hasty: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can end a name's resolution; who waits for it is told in time all the same."""
    over = threading.Event()

    def resolve(*_: Any, **__: Any) -> Any:
        over.wait(10)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert "no answer in 0.2 s; asking again after 1 s" in hasty.unavailable()
    assert "no answer in 0.2 s" in hasty.unavailable()
    over.set()
    wait_until(lambda: not fetching_threads())
    assert hasty.counts() == (1, 1)


def test_reset_is_a_failure_at_once(rig: Rig) -> None:
    """A broken connection is not waited for."""
    rig.server.respond = rig.server.reset
    assert seconds_to_fail(rig) < 1


def test_a_hang_does_not_take_the_keys(hasty: Rig) -> None:
    """Stale keys outlast a server that hangs, and nobody waits for it."""
    assert hasty.has()
    hasty.clock.pass_seconds(TIME_TO_LIVE)
    hasty.server.respond = hasty.server.hang
    began = time.monotonic()
    assert all(hasty.has() for _ in range(100))
    assert time.monotonic() - began < SHORT.total_seconds()
    hasty.settle()
    assert hasty.has()
    assert hasty.counts() == (2, 1)


class Gate:
    """Lets the server answer with a body of an earlier time, when the test says so."""

    def __init__(self, rig: Rig) -> None:
        self._opened = threading.Event()
        self.body = rig.server.body
        self.entered = threading.Event()
        rig.server.respond = self

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.entered.set()
        assert self._opened.wait(10)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        handler.wfile.write(self.body)

    def open(self) -> None:
        self._opened.set()


def is_waiting(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_name == "wait"


def fetching_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "jwks-fetch"]


def abandon_a_fetch(rig: Rig) -> Gate:
    """Begin a fetch, and let its deadline be over for whoever asks next."""
    gate = Gate(rig)
    threading.Thread(target=all_at_once, args=(1, rig.key)).start()
    assert gate.entered.wait(5)
    rig.clock.pass_seconds(DEADLINE)
    assert "no answer in 3 s" in rig.unavailable()
    return gate


def test_a_late_answer_is_one(rig: Rig) -> None:
    """Who waited was told of a failure; whoever asks next has the keys, and no back-off."""
    gate = abandon_a_fetch(rig)
    gate.open()
    wait_until(lambda: not fetching_threads())
    assert rig.has()
    assert rig.counts() == (1, 1)


def test_a_late_answer_withdraws_keys(rig: Rig) -> None:
    """A key that is at hand falls with the set that lacks it, though another fetch has begun."""
    rig.bundle()
    rig.clock.pass_seconds(TIME_TO_LIVE)
    gate = Gate(rig)
    gate.body = b'{"keys": []}'
    assert rig.has()
    assert gate.entered.wait(5)
    rig.clock.pass_seconds(DEADLINE + A_MOMENT)
    newer = Gate(rig)
    newer.body = b"nonsense"
    rig.clock.pass_seconds(1)
    assert rig.has()
    assert newer.entered.wait(5)
    gate.open()
    wait_until(lambda: len(fetching_threads()) == 1)
    newer.open()
    wait_until(lambda: not fetching_threads())
    assert "expected a JWK Set" in rig.unavailable()


def test_a_late_answer_from_before_a_leap_of_the_clock_is_none(rig: Rig) -> None:
    """Asked for at a time that has yet to come, it would look new for as long."""
    gate = abandon_a_fetch(rig)
    rig.clock.pass_seconds(-STALE_LIMIT)
    gate.open()
    wait_until(lambda: not fetching_threads())
    rig.server.respond = None
    rig.rotate()
    assert rig.key() is None
    assert rig.has("new-key")


def test_a_late_answer_does_not_undo_a_newer_one(rig: Rig) -> None:
    """A set that was asked for before a rotation does not replace the one from after it."""
    gate = abandon_a_fetch(rig)
    rig.server.respond = None
    rig.rotate()
    rig.clock.pass_seconds(1)
    assert rig.has("new-key")
    gate.open()
    wait_until(lambda: not fetching_threads())
    assert rig.has("new-key")
    assert rig.key("access-key") is None
    assert rig.counts() == (2, 1)


def test_a_late_failure_is_dropped(rig: Rig) -> None:
    """A fetch that was given up counts as one failure, also when it fails in the end."""
    gate = abandon_a_fetch(rig)
    rig.server.respond = None
    gate.body = b"nonsense"
    rig.clock.pass_seconds(1)
    assert rig.has()
    gate.open()
    wait_until(lambda: not fetching_threads())
    assert rig.has()
    assert rig.counts() == (2, 1)


# --- threads ---


def test_fifty_threads_on_an_empty_cache(rig: Rig) -> None:
    """One fetch, and everybody has the key."""
    keys = all_at_once(50, rig.key)
    assert rig.server.fetches == 1
    assert keys == [rig.cognito.key_set().get("access-key")] * 50


def test_fifty_threads_with_the_server_down(rig: Rig) -> None:
    """One fetch, and everybody is told that keys cannot be had."""
    rig.server.status = 500
    outcomes = all_at_once(50, rig.key)
    assert rig.server.fetches == 1
    assert [type(outcome) for outcome in outcomes] == [KeysUnavailableError] * 50
    assert len({str(outcome) for outcome in outcomes}) == 1


def test_fifty_threads_with_the_server_hanging(hasty: Rig) -> None:
    """One fetch, one deadline, and nobody waits for a second one."""
    hasty.server.respond = hasty.server.hang
    began = time.monotonic()
    outcomes = all_at_once(50, hasty.key)
    assert time.monotonic() - began < 2
    assert hasty.counts() == (1, 1)
    assert [type(outcome) for outcome in outcomes] == [KeysUnavailableError] * 50


def test_a_known_key_does_not_wait_for_a_refresh(rig: Rig) -> None:
    """Whoever finds a set aged has it refreshed, and goes on with the key it has, as all do."""
    assert rig.has()
    rig.clock.pass_seconds(TIME_TO_LIVE)
    gate = Gate(rig)
    assert all(rig.has() for _ in range(100))
    assert gate.entered.wait(5)
    assert all(rig.has() for _ in range(100))
    gate.open()
    rig.settle()
    assert rig.counts() == (2, 0)


def test_a_known_key_does_not_wait_for_an_unknown_one(rig: Rig) -> None:
    """Whoever invents key ids keeps only themselves waiting."""
    assert rig.has()
    rig.clock.pass_seconds(COOL_DOWN)
    gate = Gate(rig)
    attacker = threading.Thread(target=rig.key, args=("invented",))
    attacker.start()
    assert gate.entered.wait(5)
    assert rig.has()
    assert attacker.is_alive()
    gate.open()
    attacker.join(5)


def test_an_unknown_kid_joins_the_fetch_under_way(rig: Rig) -> None:
    """A new key that a running fetch is about to bring needs no fetch of its own."""
    assert rig.has()
    rig.rotate()
    rig.clock.pass_seconds(TIME_TO_LIVE)
    gate = Gate(rig)
    assert rig.has("id-key")
    assert gate.entered.wait(5)
    found: list[SigningKey | None] = []
    joining = threading.Thread(target=lambda: found.append(rig.key("new-key")))
    joining.start()
    wait_until(lambda: is_waiting(joining))
    gate.open()
    joining.join(5)
    assert found == [rig.cognito.key_set().get("new-key")]
    assert rig.server.fetches == 2


@pytest.mark.parametrize("trouble", ["cool-down", "back-off"])
def test_a_fetch_under_way_is_joined_whatever_came_before(rig: Rig, trouble: str) -> None:
    """Neither cool-down nor back-off answers 'no' while somebody is out to find the answer."""
    rig.server.status = 200 if trouble == "cool-down" else 500
    if trouble == "cool-down":
        assert rig.has()
        rig.clock.pass_seconds(COOL_DOWN)
    else:
        rig.unavailable()
        rig.clock.pass_seconds(1)
    rig.rotate()
    gate = Gate(rig)
    first = threading.Thread(target=rig.key, args=("invented",))
    first.start()
    assert gate.entered.wait(5)
    moment = A_MOMENT if trouble == "back-off" else 0
    rig.clock.pass_seconds(-moment)  # back into the back-off
    found: list[SigningKey | None] = []
    joining = threading.Thread(target=lambda: found.append(rig.key("new-key")))
    joining.start()
    wait_until(lambda: is_waiting(joining))
    rig.clock.pass_seconds(moment)
    gate.open()
    first.join(5)
    joining.join(5)
    assert found == [rig.cognito.key_set().get("new-key")]
    assert rig.server.fetches == 2


def test_a_fetch_keeps_no_process_alive(rig: Rig) -> None:
    """A program that ends does not wait for a fetch that hangs."""
    gate = begin_and_freeze(rig, 0)
    assert [thread.daemon for thread in fetching_threads()] == [True]
    gate.open()


def test_the_first_question_about_a_pool_asked_twice_at_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that both find a pool unknown share its state, and so its fetch."""
    both = threading.Barrier(2)

    class Racing(jwks._PoolKeys):
        def __init__(self, *given: Any) -> None:
            both.wait(5)
            super().__init__(*given)

    monkeypatch.setattr(jwks, "_PoolKeys", Racing)
    assert all_at_once(2, rig.has) == [True, True]
    assert rig.counts() == (1, 0)
    assert rig.server.fetches == 1


def test_no_thread_to_be_had(rig: Rig) -> None:
    """A sandbox that is out of threads gives the usual failure, and recovers from it."""
    usual = threading.stack_size(1 << 46)  # more than there is address space
    try:
        assert "no thread to fetch with: can't start new thread" in rig.unavailable()
    finally:
        threading.stack_size(usual)
    assert rig.server.fetches == 0
    assert rig.counts() == (1, 1)
    rig.clock.pass_seconds(1)
    assert rig.has()


# --- clocks ---


JITTER = 60


def test_clock_set_back(rig: Rig) -> None:
    """A clock that leaps back counts as time passed: keys are asked for again, never kept on."""
    assert rig.has()
    rig.clock.pass_seconds(-JITTER - A_MOMENT)
    assert rig.has()
    assert rig.server.fetches == 2
    rig.server.status = 500
    rig.clock.pass_seconds(-10 * HOUR)
    rig.unavailable()
    assert rig.server.fetches == 3


@pytest.mark.parametrize("step", [A_MOMENT, 1, JITTER / 20])
def test_clock_jitter(rig: Rig, step: float) -> None:
    """Clocks are adjusted all the time: a step back drops no key, and asks for none."""
    rig.bundle()
    rig.server.status = 500
    for _ in range(20):
        rig.clock.pass_seconds(-step)
        assert rig.has()
    assert rig.counts() == (0, 0)


def test_clock_jitter_during_a_cool_down(rig: Rig) -> None:
    """Steps back do not multiply the questions that an unknown kid may cause."""
    assert rig.key("invented") is None
    for _ in range(20):
        rig.clock.pass_seconds(-A_MOMENT)
        assert rig.key("invented") is None
    assert rig.server.fetches == 1


def test_clock_jitter_during_a_back_off(rig: Rig) -> None:
    """Nor those that an outage may."""
    rig.server.status = 500
    for _ in range(20):
        rig.unavailable()
        rig.clock.pass_seconds(-A_MOMENT)
    assert rig.server.fetches == 1


def test_clock_set_back_during_a_back_off(rig: Rig) -> None:
    """A back-off that would end years from now is over."""
    rig.server.status = 500
    rig.unavailable()
    rig.server.status = 200
    rig.clock.pass_seconds(-HOUR)
    assert rig.has()


def test_clock_set_back_while_fetching(rig: Rig) -> None:
    """Keys that seem to come from the future are not used, and 'no such key' is not the answer."""
    gate = Gate(rig)
    said: list[KeysUnavailableError] = []

    def ask() -> None:
        with pytest.raises(KeysUnavailableError) as caught:
            rig.key()
        said.append(caught.value)

    asking = threading.Thread(target=ask)
    asking.start()
    assert gate.entered.wait(5)
    wait_until(lambda: is_waiting(asking))
    rig.clock.pass_seconds(-HOUR)
    gate.open()
    asking.join(5)
    assert str(said[0]) == (
        f"no keys of user pool {POOL_ID}: the clock was set back while they came"
    )
    rig.server.respond = None
    assert rig.has()
    assert rig.counts() == (2, 0)


def test_clock_set_forward(rig: Rig) -> None:
    """A jump ahead is an age like any other."""
    assert rig.has()
    rig.clock.pass_seconds(10**9)
    assert rig.has()
    assert rig.server.fetches == 2


# --- frozen sandboxes ---


def begin_and_freeze(rig: Rig, seconds: float) -> Gate:
    """A request finds the keys aged, and is answered; the sandbox freezes before they are new."""
    assert rig.has()
    rig.clock.pass_seconds(TIME_TO_LIVE)
    gate = Gate(rig)
    assert rig.has()
    assert gate.entered.wait(5)
    rig.server.respond = None
    rig.clock.pass_seconds(seconds)
    return gate


def test_an_abandoned_refresh_is_given_up(rig: Rig) -> None:
    """A fetch that nobody waits for fails by the clock, and does not keep the next one away."""
    begin_and_freeze(rig, DEADLINE - A_MOMENT)
    assert rig.has()
    assert rig.counts() == (2, 0)
    rig.clock.pass_seconds(A_MOMENT)
    assert rig.has()
    assert rig.counts() == (2, 1)
    rig.rotate()
    rig.clock.pass_seconds(1)
    assert rig.has()
    rig.settle()
    assert rig.key() is None
    assert rig.has("new-key")
    assert rig.counts() == (3, 1)


def test_a_refresh_that_froze_is_begun_anew_at_once(rig: Rig) -> None:
    """What slept through the back-off as well does not wait for it, also without a key at hand."""
    begin_and_freeze(rig, STALE_LIMIT)
    rig.rotate()
    assert rig.has("new-key")
    assert rig.counts() == (3, 1)


def test_keys_are_not_taken_for_newer_than_they_are(rig: Rig) -> None:
    """Who finds old keys while new ones take their place does not go by the new ones' age."""
    assert rig.has()
    state = rig.cache._pools[rig.pool]
    old = state._keys
    rig.rotate()
    rig.clock.pass_seconds(STALE_LIMIT)

    class BeingReplaced:
        def get(self, key_id: str) -> SigningKey | None:
            found = old.get(key_id)
            state._keys = rig.cognito.key_set()
            state.obtained_at = rig.clock()
            return found

    state._keys = BeingReplaced()  # type: ignore[assignment]
    assert rig.key("access-key") is None
    assert rig.has("new-key")


def test_an_answer_is_as_old_as_its_question(rig: Rig) -> None:
    """A set that was asked for before the sandbox froze is due again when it comes after it."""
    gate = begin_and_freeze(rig, TIME_TO_LIVE)
    gate.open()
    rig.settle()
    rig.rotate()
    assert rig.has()
    rig.settle()
    assert rig.key() is None
    assert rig.counts() == (3, 0)


def test_a_fork_during_a_fetch(rig: Rig) -> None:
    """A child process that inherits a fetch without its thread does not wait for it for ever."""
    begin_and_freeze(rig, 0)
    state = rig.cache._pools[rig.pool]
    state._fetch = object()
    rig.clock.pass_seconds(DEADLINE)
    assert rig.has()
    assert state._fetch is None
    rig.clock.pass_seconds(1)
    assert rig.has()
    rig.settle()
    assert rig.counts() == (3, 1)


SANDBOX = """
import sys, time
from datetime import timedelta
from authorizer import JwksCache, JwksTiming, KeySet, UserPool

pool = UserPool(sys.argv[1], ["client"], jwks_url=sys.argv[2])
timing = JwksTiming(deadline=timedelta(seconds=2), first_back_off=timedelta(milliseconds=1))
keys = JwksCache(timing=timing, bundled={pool: KeySet.parse(sys.stdin.readline().encode())})
keys.after_restore()
for kid in sys.stdin:
    began = time.monotonic()
    found = keys.of(pool).get(kid.strip()) is not None
    print(found, time.monotonic() - began < 1, flush=True)
"""


def test_a_process_that_is_frozen_while_it_refreshes(rig: Rig) -> None:
    """As Lambda does it: stopped in the middle of a fetch, and woken when that is long overdue."""
    command = [sys.executable, "-c", SANDBOX, POOL_ID, rig.server.url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as sandbox:
        assert sandbox.stdin is not None
        assert sandbox.stdout is not None
        sandbox.stdin.write(f"{rig.cognito.jwks().decode()}\n")

        def ask(kid: str) -> str:
            assert sandbox.stdin is not None
            assert sandbox.stdout is not None
            sandbox.stdin.write(f"{kid}\n")
            return sandbox.stdout.readline()

        gate = Gate(rig)
        assert ask("access-key") == "True True\n"
        assert gate.entered.wait(5)
        sandbox.send_signal(signal.SIGSTOP)
        threading.Event().wait(2.1)  # past the deadline
        rig.server.respond = None
        rig.rotate()
        sandbox.send_signal(signal.SIGCONT)
        assert ask("access-key") == "True True\n"
        wait_until(lambda: ask("access-key").startswith("False"))
        assert ask("new-key").startswith("True")
        gate.open()
        sandbox.stdin.close()


def test_restored_from_an_old_snapshot(rig: Rig) -> None:
    """SnapStart: the hours count from the restore, and what a snapshot holds is refreshed first."""
    rig.bundle()
    rig.clock.pass_seconds(7 * HOUR)
    rig.cache.after_restore()
    rig.server.status = 500
    assert rig.has()
    rig.settle()
    rig.clock.pass_seconds(STALE_LIMIT - TIME_TO_LIVE - A_MOMENT)
    assert rig.has()
    rig.settle()
    rig.clock.pass_seconds(A_MOMENT)
    rig.unavailable()


def test_a_snapshot_does_not_keep_a_withdrawn_key(rig: Rig) -> None:
    """The first question after a restore has the keys refreshed, the next goes by the new ones."""
    rig.bundle()
    rig.rotate()
    rig.clock.pass_seconds(7 * HOUR)
    rig.cache.after_restore()
    assert rig.has()
    rig.settle()
    assert rig.key() is None
    assert rig.has("new-key")
    assert rig.counts() == (1, 0)


def test_a_snapshot_without_keys(rig: Rig) -> None:
    """A pool that was asked about before the snapshot, in vain, is asked again."""
    rig.server.status = 500
    rig.unavailable()
    rig.clock.pass_seconds(7 * HOUR)
    rig.cache.after_restore()
    rig.unavailable()
    rig.server.status = 200
    rig.clock.pass_seconds(2)
    assert rig.has()


def test_a_snapshot_before_the_first_question(rig: Rig) -> None:
    """A pool that nobody has asked about is not taken for one that has no keys."""
    rig.cache.of(rig.pool)
    rig.cache.after_restore()
    rig.server.status = 500
    rig.unavailable()
    rig.server.status = 200
    rig.clock.pass_seconds(2)
    assert rig.has()


def test_an_endpoint_that_hangs_for_an_hour(rig: Rig) -> None:
    """A request a second, each with its key at hand: none waits, whatever the endpoint does."""
    assert rig.has()
    rig.clock.pass_seconds(TIME_TO_LIVE)
    rig.server.respond = rig.server.hang
    longest = 0.0
    for _ in range(HOUR):
        began = time.monotonic()
        assert rig.has("access-key")
        assert rig.has("id-key")
        longest = max(longest, time.monotonic() - began)
        rig.clock.pass_seconds(1)
    assert longest < DEADLINE / 2
    fetches, failures = rig.counts()
    # 3 s and the back-off: after 4, 9, 16, 27, 46, 81, and then every 63 seconds.
    assert 55 < fetches < 65
    assert failures in {fetches - 1, fetches - 2}
    rig.server.respond = None
    rig.rotate()
    rig.clock.pass_seconds(COOL_DOWN + 60)
    assert rig.has("access-key")
    rig.settle()
    assert rig.has("new-key")


# --- bundled keys ---


def test_bundled_keys_need_no_network(rig: Rig) -> None:
    """A cold start with keys on board asks nobody, until the time to live is over."""
    rig.bundle()
    assert rig.has()
    rig.clock.pass_seconds(TIME_TO_LIVE - A_MOMENT)
    assert rig.has()
    assert rig.counts() == (0, 0)
    rig.clock.pass_seconds(A_MOMENT)
    assert rig.has()
    rig.settle()
    assert rig.counts() == (1, 0)


def test_bundled_keys_outlast_an_outage_up_to_the_stale_limit(rig: Rig) -> None:
    """What was shipped is trusted as long as what was fetched, and no longer."""
    rig.bundle()
    rig.server.status = 500
    rig.clock.pass_seconds(STALE_LIMIT - A_MOMENT)
    assert rig.has()
    rig.settle()
    rig.clock.pass_seconds(A_MOMENT)
    rig.unavailable()


def test_never_expiring_keys(rig: Rig) -> None:
    """Where a pool's keys are said to be these for good, nobody is asked, ever, for any kid."""
    keys = {rig.pool: rig.cognito.key_set()}
    rig.cache = JwksCache(never_expiring=keys, clock=rig.clock)
    rig.rotate()
    for seconds in (0, STALE_LIMIT, 10**9, -(10**9)):
        rig.clock.pass_seconds(seconds)
        assert rig.has("access-key")
        assert rig.key("new-key") is None
    rig.cache.after_restore()
    assert rig.has("access-key")
    assert rig.server.fetches == 0


def test_keys_of_other_pools_expire(rig: Rig) -> None:
    """It is said pool by pool."""
    other = Cognito("us-east-1_Other", keys={"other-key": private_key("other")})
    rig.cache = JwksCache(
        bundled={rig.pool: rig.cognito.key_set()},
        never_expiring={other.pool(): other.key_set()},
        clock=rig.clock,
    )
    rig.server.status = 500
    rig.clock.pass_seconds(STALE_LIMIT)
    rig.unavailable()
    assert rig.cache.of(other.pool()).get("other-key") is not None


def test_bundled_keys_that_are_too_old(rig: Rig) -> None:
    """A key that the pool made since the bundle is found at the first token that names it."""
    rig.bundle()
    rig.rotate()
    assert rig.has("new-key")
    assert rig.key("access-key") is None
    assert rig.counts() == (1, 0)


# --- pools ---


def test_pools_do_not_share_trouble(rig: Rig) -> None:
    """One pool's outage, back-off and cool-down are not another's."""
    other = Cognito("us-east-1_Other", keys={"other-key": private_key("other")})
    with serve_jwks(other.jwks()) as other_server:
        other_pool = other.pool(jwks_url=other_server.url)
        rig.server.status = 500
        rig.unavailable()
        assert rig.cache.of(other_pool).get("other-key") is not None
        assert rig.cache.of(other_pool).get("access-key") is None
        rig.unavailable()
        assert (rig.server.fetches, other_server.fetches) == (1, 1)
        assert rig.counts() == (2, 1)


def test_pools_do_not_share_keys(rig: Rig) -> None:
    """The same kid in two pools names two keys."""
    other = Cognito("us-east-1_Other", keys={"access-key": private_key("other")})
    bundled: dict[UserPool, KeySet] = {
        rig.pool: rig.cognito.key_set(),
        other.pool(): other.key_set(),
    }
    cache = JwksCache(bundled=bundled, clock=rig.clock)
    assert cache.of(rig.pool).get("access-key") == rig.cognito.key_set().get("access-key")
    assert cache.of(other.pool()).get("access-key") == other.key_set().get("access-key")
    assert cache.of(rig.pool).get("access-key") != cache.of(other.pool()).get("access-key")


# --- settings ---


@pytest.mark.parametrize(
    "name", ["time_to_live", "stale_limit", "cool_down", "first_back_off", "deadline"]
)
def test_refuses_no_time(name: str) -> None:
    """Each span must be longer than zero."""
    for seconds in (0, -1):
        with pytest.raises(ConfigurationError) as caught:
            JwksTiming(**{name: timedelta(seconds=seconds)})
        assert caught.value.problems[0].startswith(f"expected {name} to be longer than zero, found")


def test_limits_in_order() -> None:
    """Limits may equal what they limit, and not be less."""
    hour, less = timedelta(hours=1), timedelta(hours=1, microseconds=-1)
    JwksTiming(time_to_live=hour, stale_limit=hour, first_back_off=hour, longest_back_off=hour)
    with pytest.raises(ConfigurationError) as caught:
        JwksTiming(time_to_live=hour, stale_limit=less, first_back_off=hour, longest_back_off=less)
    assert caught.value.problems == (
        "expected stale_limit to be at least time_to_live (1:00:00), found 0:59:59.999999",
        "expected longest_back_off to be at least first_back_off (1:00:00), found 0:59:59.999999",
    )


def test_an_own_clock_by_default(server: JwksServer) -> None:
    """Without settings the cache runs on the wall clock and the documented timing."""
    rig = Rig(server)
    rig.cache = JwksCache()
    before = time.time()
    assert rig.has()
    assert rig.has()
    assert rig.server.fetches == 1
    # Not a clock that stands still with the sandbox, and begins anew with each.
    assert before <= rig.cache._pools[rig.pool].obtained_at <= time.time()
    assert JwksTiming() == JwksTiming(
        time_to_live=timedelta(hours=1),
        stale_limit=timedelta(hours=6),
        cool_down=timedelta(seconds=10),
        first_back_off=timedelta(seconds=1),
        longest_back_off=timedelta(seconds=60),
        deadline=timedelta(seconds=3),
    )
