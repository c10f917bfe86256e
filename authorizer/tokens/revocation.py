"""Tokens that were taken back before they expire: by their user, their sign-in, or one by one.

The list of them is short and is read whole: once for each half of its time to live, and not for
each token. It is off unless it is asked for, and then nobody imports this module.

- No list decides that is older than its time to live, counted from when it was asked for; but a
  new one does for whom it was read, however long that took.
- It is read anew when half of that is over. Where this fails, the old one does until all of it is,
  and it is tried again after some seconds.
- One reading at a time. Others go on with the list that is there, or wait where it is too old.
- Without a list nobody knows who is on it. That is an error; or, by a setting that says so, the
  last known one decides, however old, and an empty one where there has been none.

The only module that imports Powertools' parameters, and with them boto3, which is Lambda's own.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping

from authorizer.errors import (
    ConfigurationError,
    InvalidTokenError,
    Reason,
    RevocationsUnavailableError,
    clip,
)

# The claims by which tokens are revoked: their user or client, their sign-in, themselves. An entry
# names the claim and its value: ``sub#`` and the user's.
CLAIMS = ("sub", "origin_jti", "jti")
# The table's keys, and the one value of the first: one query reads all that is there.
LIST_KEY, ENTRY_KEY, EXPIRY, LIST = "list", "entry", "expires_at", "revoked"
_COOL_DOWN_SECONDS = 5


class Revocations:
    """The list, as it is known at present. Thread-safe; make one and keep it."""

    def __init__(
        self,
        read: Callable[[int], Collection[str]],
        *,
        time_to_live_seconds: float,
        allow_insecurely: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start without a list: the first token has it read.

        Args:
            read: gets the entries that have not expired by then, seconds since the epoch. Whatever
                it raises means that there are none to be had. See :func:`reader_of_table`.
            time_to_live_seconds: how old the list may get.
            allow_insecurely: whether tokens pass that may be on it, when it cannot be read.
            clock: seconds since the epoch.
        """
        self._read, self._clock = read, clock
        self._seconds, self._allow_insecurely = time_to_live_seconds, allow_insecurely
        self._entries: Collection[str] = frozenset()
        self._read_at = self._failed_at = float("-inf")
        self._lock = threading.Lock()

    def require_unrevoked(self, claims: Mapping[str, object]) -> None:
        """Refuse a token that is on the list.

        Args:
            claims: of a token that is good otherwise.

        Raises:
            InvalidTokenError: with ``Reason.REVOKED``.
            RevocationsUnavailableError: there is no list, and it is not to be done without.
        """
        if not self._is_within(self._seconds / 2) and self._lock.acquire(
            blocking=not self._is_within(self._seconds)
        ):
            try:
                self._refresh()
            finally:
                self._lock.release()
        for name in CLAIMS:
            if name in claims and f"{name}#{claims[name]}" in self._entries:
                raise InvalidTokenError(Reason.REVOKED, f"expected a {name} that is not revoked")

    def _refresh(self) -> None:
        """Read the list, unless another thread has just done so, or could not."""
        now = self._clock()
        if not (
            self._is_within(self._seconds / 2) or 0 <= now - self._failed_at < _COOL_DOWN_SECONDS
        ):
            try:
                # In this order: who reads without the lock reads the age before the entries.
                self._entries, self._read_at = self._read(int(now)), now
            except Exception as error:  # noqa: BLE001 - of boto3, of Powertools, or of the network
                self._failed_at = self._clock()
                # Without the traceback, whose frames are known.
                logging.getLogger(__name__).error(  # noqa: TRY400
                    "the list of revoked tokens cannot be read: %s", clip(str(error), 400)
                )
            else:
                return
        if not (self._allow_insecurely or self._is_within(self._seconds)):
            raise RevocationsUnavailableError(
                f"no list of revoked tokens; asking again {_COOL_DOWN_SECONDS} s after it failed"
            )

    def _is_within(self, seconds: float) -> bool:
        """Whether the list is no older. Where the clock was set back, nobody knows."""
        return 0 <= self._clock() - self._read_at < seconds


def reader_of_table(name: str) -> Callable[[int], Collection[str]]:
    """What reads the list from a DynamoDB table, in the region and with the rights of the process.

    Args:
        name: the table's name or ARN. Its partition key is ``list``, its sort key ``entry``. An
            entry holds until ``expires_at``, in seconds since the epoch; one that has no such
            number holds for good.

    Raises:
        ConfigurationError: there is nothing to read it with.
    """
    try:
        from aws_lambda_powertools.utilities.parameters import DynamoDBProvider  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        provider = DynamoDBProvider(
            name,
            key_attr=LIST_KEY,
            sort_attr=ENTRY_KEY,
            value_attr=ENTRY_KEY,
            # Two attempts of a second each: a function that decides has 5 s, keys included.
            boto_config=Config(
                connect_timeout=1,
                read_timeout=1,
                retries={"total_max_attempts": 2, "mode": "standard"},
            ),
        )
    except Exception as error:
        raise ConfigurationError(
            [f"the table of revoked tokens cannot be read: {type(error).__name__}: {error}"]
        ) from error
    return lambda now: provider.get_multiple(
        LIST,
        # Its own cache has no other clock than the system's, lets nobody go on with a list while it
        # is read anew, and asks again at each call while that fails.
        max_age=0,
        ConsistentRead=True,
        ProjectionExpression=ENTRY_KEY,
        # All that is not known to have expired, whatever is in the place of its expiry.
        FilterExpression=f"NOT {EXPIRY} <= :now",
        ExpressionAttributeValues={":now": now},
    )
