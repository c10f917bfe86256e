"""Keys, by pool and ``kid``: fetched once, kept, refreshed, and asked for with restraint.

Rules, all of them per pool:

- A key set is fresh for the time to live. An older one is refreshed by the next caller; while
  that fails, its keys stay in use up to the stale limit, and not a moment longer.
- An unknown ``kid`` asks again, at most once per cool-down: anybody can invent key ids.
- A failed fetch starts a back-off that doubles. Until it ends nobody asks again.
- One fetch at a time; whoever needs its outcome waits for it, at most for the deadline.
- "Not among the keys" is an answer (``None``); "could not find out" is an error.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from authorizer.errors import AuthorizerError, ConfigurationError, KeysUnavailableError
from authorizer.tokens.fetch import fetch_document
from authorizer.tokens.keys import KeySet, SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.tokens.pool import UserPool

    Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class JwksTiming:
    """How long keys are kept, and how often they are asked for.

    Attributes:
        time_to_live: how long a fetched set is used without asking again. It is also how long a
            key that the pool withdrew can still be trusted.
        stale_limit: how long a set is used when refreshing it fails. At least the time to live.
        cool_down: the least time between two fetches caused by unknown key ids.
        first_back_off: how long nobody asks after a failed fetch; doubles with each in a row.
        longest_back_off: where the doubling ends.
        deadline: how long a caller waits for a fetch in all. Keep it below the function's timeout,
            and that below the ten seconds that API Gateway grants an authorizer.
    """

    time_to_live: timedelta = timedelta(hours=1)
    stale_limit: timedelta = timedelta(hours=6)
    cool_down: timedelta = timedelta(seconds=10)
    first_back_off: timedelta = timedelta(seconds=1)
    longest_back_off: timedelta = timedelta(minutes=1)
    deadline: timedelta = timedelta(seconds=3)

    def __post_init__(self) -> None:
        """Refuse what could never fetch, or would never ask again."""
        names = ("time_to_live", "stale_limit", "cool_down", "first_back_off", "deadline")
        problems = [
            f"expected {name} to be longer than zero, found {getattr(self, name)}"
            for name in names
            if getattr(self, name) <= timedelta(0)
        ]
        if self.stale_limit < self.time_to_live:
            problems.append(
                f"expected stale_limit to be at least time_to_live ({self.time_to_live}), "
                f"found {self.stale_limit}"
            )
        if self.longest_back_off < self.first_back_off:
            problems.append(
                f"expected longest_back_off to be at least first_back_off "
                f"({self.first_back_off}), found {self.longest_back_off}"
            )
        if problems:
            raise ConfigurationError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class JwksStatistics:
    """Counts since the start: fetches begun, and fetches that failed."""

    fetches: int
    failures: int


class JwksCache:
    """The keys of any number of pools. Safe to share among threads and verifiers."""

    def __init__(
        self,
        *,
        timing: JwksTiming | None = None,
        bundled: Mapping[UserPool, KeySet] | None = None,
        clock: Clock = time.time,
    ) -> None:
        """Start empty, or with keys that were shipped with the program.

        Args:
            timing: see :class:`JwksTiming`.
            bundled: keys to start with; they count as fetched now, so that a cold start needs no
                network, and are refreshed when the time to live is over.
            clock: seconds since the epoch. A monotonic clock would stand still while Lambda
                freezes the sandbox, and keys would outlive their limits.
        """
        self._timing = timing or JwksTiming()
        self._clock = clock
        self._pools: dict[UserPool, _PoolKeys] = {}
        for pool, keys in (bundled or {}).items():
            self._pools[pool] = _PoolKeys(pool, self._timing, clock)
            self._pools[pool].accept(keys)

    def key(self, pool: UserPool, key_id: str) -> SigningKey | None:
        """The pool's current key of that ``kid``; ``None`` when the pool has no such key.

        Raises:
            KeysUnavailableError: when that cannot be known.
        """
        keys = self._pools.get(pool)
        if keys is None:
            # setdefault is atomic, so that threads racing here still share one object.
            keys = self._pools.setdefault(pool, _PoolKeys(pool, self._timing, self._clock))
        return keys.key(key_id)

    def statistics(self) -> JwksStatistics:
        """Counts over all pools, for metrics."""
        pools = tuple(self._pools.values())
        return JwksStatistics(
            fetches=sum(pool.fetches for pool in pools),
            failures=sum(pool.failures for pool in pools),
        )


@dataclass(slots=True, eq=False)
class _Fetch:
    """One fetch under way, for whoever waits for it."""

    give_up_at: float
    done: Event = field(default_factory=Event)


class _PoolKeys:
    """The state of one pool. Every attribute is read and written under the lock."""

    def __init__(self, pool: UserPool, timing: JwksTiming, clock: Clock) -> None:
        self._pool = pool
        self._timing = timing
        self._clock = clock
        self._lock = Lock()
        self._keys: KeySet | None = None
        self._obtained_at = 0.0
        self._asked_at: float | None = None
        self._failures_in_a_row = 0
        self._failed_at = 0.0
        self._last_error = ""
        self._fetch: _Fetch | None = None
        self.fetches = 0
        self.failures = 0

    def key(self, key_id: str) -> SigningKey | None:
        with self._lock:
            now = self._clock()
            key = self._usable_key(key_id, now)
            if not self._should_ask(key, now):
                return self._settle(key, now)
            if self._fetch is not None and key is not None:
                return key  # somebody else is refreshing; this key is still good meanwhile
            fetch = self._fetch or self._begin(now)
        self._await(fetch)
        with self._lock:
            now = self._clock()
            return self._settle(self._usable_key(key_id, now), now)

    def accept(self, keys: KeySet) -> None:
        self._keys = keys
        self._obtained_at = self._clock()
        self._failures_in_a_row = 0

    def _usable_key(self, key_id: str, now: float) -> SigningKey | None:
        if self._keys is None or not self._in_use(now):
            return None
        return self._keys.get(key_id)

    def _in_use(self, now: float) -> bool:
        return _within(now, self._obtained_at, self._timing.stale_limit)

    def _should_ask(self, key: SigningKey | None, now: float) -> bool:
        if self._fetch is not None:
            return True
        if self._failures_in_a_row and _within(now, self._failed_at, self._back_off()):
            return False
        if self._keys is None or not _within(now, self._obtained_at, self._timing.time_to_live):
            return True
        asked_lately = self._asked_at is not None and _within(
            now, self._asked_at, self._timing.cool_down
        )
        return key is None and not asked_lately

    def _settle(self, key: SigningKey | None, now: float) -> SigningKey | None:
        """Answer with what is known now: the key, its absence, or that we cannot tell."""
        if key is not None:
            return key
        if self._failures_in_a_row:
            raise KeysUnavailableError(
                f"no keys of user pool {self._pool.id}: {self._last_error}; "
                f"asking again after {self._back_off().total_seconds():g} s"
            )
        if not self._in_use(now):
            # A key missing from a set that cannot be used is not known to be missing.
            raise KeysUnavailableError(
                f"no keys of user pool {self._pool.id}: the clock was set back while they came"
            )
        return None

    def _back_off(self) -> timedelta:
        # The exponent is bounded: an outage of a day must not compute 2 ** 1440.
        doubled = self._timing.first_back_off * (1 << min(self._failures_in_a_row - 1, 16))
        return min(doubled, self._timing.longest_back_off)

    def _begin(self, now: float) -> _Fetch:
        fetch = _Fetch(time.monotonic() + self._timing.deadline.total_seconds())
        self._fetch, self._asked_at = fetch, now
        self.fetches += 1
        # A thread of its own is what makes the deadline hold whatever blocks: name resolution,
        # the handshake, or headers that drip in byte by byte.
        try:
            Thread(target=self._run, args=(fetch,), name="jwks-fetch", daemon=True).start()
        except RuntimeError as error:
            self._conclude(fetch, None, f"no thread to fetch with: {error}")
        return fetch

    def _run(self, fetch: _Fetch) -> None:
        keys, problem = None, ""
        try:
            keys = KeySet.parse(fetch_document(self._pool.jwks_url, deadline=self._timing.deadline))
        except AuthorizerError as error:
            problem = str(error)
        with self._lock:
            self._conclude(fetch, keys, problem)

    def _await(self, fetch: _Fetch) -> None:
        if not fetch.done.wait(max(0.0, fetch.give_up_at - time.monotonic())):
            seconds = self._timing.deadline.total_seconds()
            with self._lock:
                self._conclude(
                    fetch, None, f"GET {self._pool.jwks_url}: no answer in {seconds:g} s"
                )

    def _conclude(self, fetch: _Fetch, keys: KeySet | None, problem: str) -> None:
        """Take over the outcome of a fetch, unless it was given up before."""
        if self._fetch is not fetch:
            return
        self._fetch = None
        if keys is not None:
            self.accept(keys)
        else:
            self.failures += 1
            self._failures_in_a_row += 1
            self._failed_at = self._clock()
            self._last_error = problem
        fetch.done.set()


def _within(now: float, since: float, span: timedelta) -> bool:
    """Whether less than ``span`` has passed. A clock set back counts as time passed."""
    return 0 <= now - since < span.total_seconds()
