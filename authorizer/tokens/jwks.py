"""Keys, by pool and ``kid``: fetched once, kept, refreshed, and asked for with restraint.

Rules, all of them per pool:

- Whose key is at hand never waits. A key set is fresh for the time to live; an older one is
  refreshed in the background, and its keys stay in use up to the stale limit meanwhile, and not a
  moment longer. Who needs a key that is not at hand waits, at most for the deadline.
- An unknown ``kid`` asks again, at most once per cool-down: anybody can invent key ids.
- A failed fetch starts a back-off that doubles. Until it ends nobody asks again.
- One fetch at a time. One that is overdue by the clock has failed, whoever notices: its thread
  may be frozen with the sandbox, or have stayed behind in the process that forked this one.
- A JWK Set is an answer, also one without any key: what it lacks is withdrawn at once. Whatever
  is no JWK Set is an outage, like no answer at all.
- Keys are as old as the question they answer: the sandbox may have slept before the answer came.
- "Not among the keys" is an answer (``None``); "could not find out" is an error.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from authorizer.errors import AuthorizerError, KeysUnavailableError
from authorizer.tokens.keys import KeySet, SigningKey
from authorizer.tokens.pool import JwksTiming, UserPool

# Clocks are adjusted by milliseconds, and by a second now and then. As much as claims are granted;
# what goes back further was set, and nobody knows how much time has passed.
_JITTER_SECONDS = 60
_NEVER = float("-inf")


class JwksStatistics(NamedTuple):
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
        never_expiring: Mapping[UserPool, KeySet] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start empty, or with keys that were shipped with the program.

        Args:
            timing: see :class:`JwksTiming`.
            bundled: keys to start with; they count as fetched now, so that a cold start needs no
                network, and are refreshed when the time to live is over.
            never_expiring: all the keys of these pools, for where there is no network: nobody is
                ever asked for others. What the pool withdrew stays trusted until it is withdrawn
                here, and what it made since is unknown.
            clock: seconds since the epoch. A monotonic clock would stand still while Lambda
                freezes the sandbox, and keys would outlive their limits.
        """
        self._timing = timing or JwksTiming()
        self._clock = clock
        self._never_expiring = dict(never_expiring or {})
        self._pools = {
            pool: _PoolKeys(pool, self._timing, clock, keys)
            for pool, keys in (bundled or {}).items()
        }

    def of(self, pool: UserPool) -> "KeySource":
        """Where a pool's keys come from.

        Its ``get`` returns the key of a ``kid``, or ``None`` when the pool has no such key. It
        raises ``KeysUnavailableError`` when that cannot be known.
        """
        return (
            self._never_expiring.get(pool)
            or self._pools.get(pool)
            # setdefault is atomic, so that threads racing here still share one object.
            or self._pools.setdefault(pool, _PoolKeys(pool, self._timing, self._clock))
        )

    def after_restore(self) -> None:
        """Count from now: the process was restored from a snapshot, which may be days old.

        Keys in a snapshot are like shipped ones: they are used at once, and as if their time to
        live had just ended, so that the first question has them refreshed.
        """
        for keys in self._pools.values():
            keys.obtained_at = self._clock() - self._timing.time_to_live.total_seconds()

    def statistics(self) -> JwksStatistics:
        """Counts over all pools, for metrics."""
        # Copies: another thread may add a pool meanwhile.
        return JwksStatistics(
            fetches=sum(pool.fetches for pool in tuple(self._pools.values())),
            failures=sum(pool.failures for pool in tuple(self._pools.values())),
        )


class _PoolKeys:
    """The state of one pool. Every attribute is written under the lock, and nearly all are read.

    Only a restored process moves ``obtained_at`` without it: nothing else runs at that moment.
    """

    def __init__(
        self,
        pool: UserPool,
        timing: JwksTiming,
        clock: Callable[[], float],
        keys: KeySet | None = None,
    ) -> None:
        self._pool, self._timing, self._clock = pool, timing, clock
        # A lock, and where those wait who need the fetch under way.
        self._changed = threading.Condition()
        self._keys = keys or KeySet({})
        self.obtained_at = clock() if keys else _NEVER
        self._asked_at = self._failed_at = _NEVER
        # Zero, unless the last fetch failed. Then, nobody asks for so long.
        self._back_off = timedelta(0)
        self._last_error = ""
        # The fetch under way. It is no other than itself, and no more.
        self._fetch: object | None = None
        self.fetches = self.failures = 0

    def get(self, key_id: str) -> SigningKey | None:
        # Whose key is at hand and fresh, while nobody fetches, changes nothing and needs no lock.
        # The age is read before the keys, and written after them: it may be that of older keys, and
        # is never that of newer ones.
        obtained_at = self.obtained_at
        key = self._keys.get(key_id)
        if (
            key is not None
            and self._fetch is None
            and _within(self._clock(), obtained_at, self._timing.time_to_live)
        ):
            return key
        return self._ask(key_id)

    def _ask(self, key_id: str) -> SigningKey | None:
        """Answer with what is known now: the key, its absence, or that we cannot tell."""
        with self._changed:
            now, deadline = self._clock(), self._timing.deadline
            if self._fetch is not None and not _within(now, self._asked_at, deadline):
                self._conclude(self._fetch)
            if self._fetch is None and self._should_ask(key_id, now):
                self._begin(now)
            fetch = self._fetch
            if fetch is not None and self._usable_key(key_id) is None:
                self._changed.wait_for(lambda: self._fetch is not fetch, deadline.total_seconds())
                self._conclude(fetch)
            key = self._usable_key(key_id)
            if key is None and self._back_off:
                raise KeysUnavailableError(
                    f"no keys of user pool {self._pool.id}: {self._last_error}; "
                    f"asking again after {self._back_off.total_seconds():g} s"
                )
            if key is None and not self._is_usable():
                # A key missing from a set that cannot be used is not known to be missing.
                raise KeysUnavailableError(
                    f"no keys of user pool {self._pool.id}: the clock was set back while they came"
                )
            return key

    def _is_usable(self) -> bool:
        return _within(self._clock(), self.obtained_at, self._timing.stale_limit)

    def _usable_key(self, key_id: str) -> SigningKey | None:
        return self._keys.get(key_id) if self._is_usable() else None

    def _should_ask(self, key_id: str, now: float) -> bool:
        if self._back_off and _within(now, self._failed_at, self._back_off):
            return False
        return not _within(now, self.obtained_at, self._timing.time_to_live) or (
            self._keys.get(key_id) is None
            and not _within(now, self._asked_at, self._timing.cool_down)
        )

    def _begin(self, now: float) -> None:
        self._fetch, self._asked_at = object(), now
        self.fetches += 1
        # A thread of its own lets the others go on, and makes the deadline hold whatever blocks.
        try:
            threading.Thread(
                target=self._run, args=(self._fetch, now), name="jwks-fetch", daemon=True
            ).start()
        except RuntimeError as error:
            self._conclude(self._fetch, f"no thread to fetch with: {error}")

    def _run(self, fetch: object, asked_at: float) -> None:
        try:
            # Imported here: whose keys are shipped starts without requests, which takes longest.
            from authorizer.tokens.fetch import fetch_document  # noqa: PLC0415

            outcome: KeySet | str = KeySet.parse(
                fetch_document(self._pool.jwks_url, deadline=self._timing.deadline),
                may_be_empty=True,
            )
        except (AuthorizerError, ImportError) as error:
            outcome = str(error)
        with self._changed:
            # Who waited has given up on what comes late, as from a thawed sandbox. Still, it is an
            # answer: it counts, unless it was asked for before the keys that are there.
            is_newest = self._fetch is fetch or self.obtained_at < asked_at <= self._clock()
            if isinstance(outcome, KeySet) and is_newest:
                # In this order: who reads without the lock reads the age before the keys.
                self._keys = outcome
                self.obtained_at, self._back_off = asked_at, timedelta(0)
            self._conclude(fetch, outcome if isinstance(outcome, str) else None)

    def _conclude(self, fetch: object, problem: str | None = "") -> None:
        """End a fetch, if nobody has: well, or with a problem, such as that it took too long."""
        if self._fetch is not fetch:
            return
        self._fetch = None
        self._changed.notify_all()
        if problem is not None:
            self.failures += 1
            doubled = 2 * self._back_off or self._timing.first_back_off
            self._back_off = min(doubled, self._timing.longest_back_off)
            # However late it is noticed: what slept through the back-off need not wait for it.
            seconds = self._timing.deadline.total_seconds()
            self._failed_at = min(self._clock(), self._asked_at + seconds)
            self._last_error = problem or f"GET {self._pool.jwks_url}: no answer in {seconds:g} s"


# What has the current key of a ``kid``, or ``None`` where the pool has none; or cannot know that.
KeySource = KeySet | _PoolKeys


def _within(now: float, since: float, span: timedelta) -> bool:
    """Whether less than ``span`` has passed. A clock that was set back counts as time passed."""
    return -_JITTER_SECONDS <= now - since < span.total_seconds()
