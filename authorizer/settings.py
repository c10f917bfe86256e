"""All that can be configured, read once from an environment mapping and the files it names.

Everything that is wrong is collected, so that one start tells all of it. A variable that looks
like ours but is not is an error too: a misspelt switch must not quietly leave its default on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from authorizer.errors import ConfigurationError, clip
from authorizer.policy.model import Policy
from authorizer.tokens.jwks import JwksTiming
from authorizer.tokens.keys import KeySet, KeySetError
from authorizer.tokens.pool import UserPool

if TYPE_CHECKING:
    from collections.abc import Mapping

_Choice = TypeVar("_Choice", bound=StrEnum)

_PREFIX = "AUTHORIZER_"
_TIMES = {
    "JWKS_TIME_TO_LIVE_SECONDS": "time_to_live",
    "JWKS_STALE_LIMIT_SECONDS": "stale_limit",
    "JWKS_COOL_DOWN_SECONDS": "cool_down",
    "JWKS_DEADLINE_SECONDS": "deadline",
}
_NAMES = frozenset(
    {
        "USER_POOLS",
        "ISSUERS",
        "FURTHER_ISSUERS",
        "JWKS_URLS",
        "JWKS_FILES",
        "POLICY",
        "HTTP_API_ANSWER",
        "HTTP_API_REFUSAL",
        *_TIMES,
    }
)
# A week: beyond this a number is a mistake, and timedelta overflows far beyond it.
_LONGEST_SECONDS = 7 * 24 * 3600


class HttpApiAnswer(StrEnum):
    """Which response an HTTP API with payload 2.0 expects. The event does not tell."""

    SIMPLE = "simple"
    IAM = "iam"


class HttpApiRefusal(StrEnum):
    """What an HTTP API is told about a refused token.

    ``deny`` makes it a 403. Whether HTTP APIs turn ``unauthorized`` into a 401 or a 500 is not
    documented; try it on a deployed stack before relying on it.
    """

    DENY = "deny"
    UNAUTHORIZED = "unauthorized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration that works.

    Attributes:
        pools: the user pools to trust, each with its app clients.
        policy: who may call what.
        bundled_keys: keys to start with, per pool.
        jwks_timing: how keys are kept and asked for.
        http_api_answer: simple or IAM answers on payload 2.0.
        http_api_refusal: 403 or ``Unauthorized`` for a refused token on HTTP APIs.
    """

    pools: tuple[UserPool, ...]
    policy: Policy
    bundled_keys: Mapping[UserPool, KeySet] = field(default_factory=dict)
    jwks_timing: JwksTiming = field(default_factory=JwksTiming)
    http_api_answer: HttpApiAnswer = HttpApiAnswer.SIMPLE
    http_api_refusal: HttpApiRefusal = HttpApiRefusal.DENY

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], base: Path | None = None) -> Settings:
        """Read ``AUTHORIZER_*`` variables and the files they name.

        Args:
            environment: such as ``os.environ``.
            base: the folder that relative file names start from; by default the current one.

        Raises:
            ConfigurationError: with everything that is wrong.
        """
        reader = _Reader(environment, base or Path())
        reader.refuse_unknown_names()
        pools = reader.pools()
        settings = {
            "policy": reader.policy(),
            "bundled_keys": reader.bundled_keys(pools),
            "jwks_timing": reader.jwks_timing(),
            "http_api_answer": reader.choice("HTTP_API_ANSWER", HttpApiAnswer),
            "http_api_refusal": reader.choice("HTTP_API_REFUSAL", HttpApiRefusal),
        }
        if reader.problems:
            raise ConfigurationError(reader.problems)
        chosen = {name: value for name, value in settings.items() if value is not None}
        return cls(pools=pools, **chosen)  # type: ignore[arg-type]


class _Reader:
    """Reads the variables one by one, and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str], base: Path) -> None:
        self._values = {
            name.removeprefix(_PREFIX): value
            for name, value in environment.items()
            if name.startswith(_PREFIX)
        }
        self._base = base
        self.problems: list[str] = []

    def refuse_unknown_names(self) -> None:
        for name in sorted(self._values.keys() - _NAMES):
            close = get_close_matches(name, _NAMES, n=1)
            hint = f"; did you mean {_PREFIX}{close[0]}?" if close else ""
            self.problems.append(f"{_PREFIX}{name}: no such setting{hint}")

    def pools(self) -> tuple[UserPool, ...]:
        clients = self._by_pool("USER_POOLS")
        if not clients:
            self.problems.append(
                f"{_PREFIX}USER_POOLS: expected <pool id>=<client id>[,<client id>], found nothing"
            )
        overrides = {
            name: self._by_pool(name, known=clients)
            for name in ("ISSUERS", "FURTHER_ISSUERS", "JWKS_URLS")
        }
        pools = []
        for pool_id, client_ids in clients.items():
            issuers = overrides["ISSUERS"].get(pool_id, ())
            urls = overrides["JWKS_URLS"].get(pool_id, ())
            if len(urls) > 1:
                self.problems.append(f"{_PREFIX}JWKS_URLS: expected one URL for {clip(pool_id)}")
            try:
                pools.append(
                    UserPool(
                        pool_id,
                        client_ids,
                        issuer=issuers[0] if issuers else None,
                        further_issuers=(
                            *issuers[1:],
                            *overrides["FURTHER_ISSUERS"].get(pool_id, ()),
                        ),
                        jwks_url=urls[0] if urls else None,
                    )
                )
            except ConfigurationError as error:
                self.problems += error.problems
        return tuple(pools)

    def policy(self) -> Policy | None:
        path = self._base / self._values.get("POLICY", "policy.json")
        try:
            return Policy.load(path)
        except ConfigurationError as error:
            self.problems += error.problems
            return None

    def bundled_keys(self, pools: tuple[UserPool, ...]) -> dict[UserPool, KeySet]:
        by_id = {pool.id: pool for pool in pools}
        bundled = {}
        files = self._by_pool("JWKS_FILES", known=self._by_pool("USER_POOLS", silent=True))
        for pool_id, names in files.items():
            if len(names) > 1:
                self.problems.append(f"{_PREFIX}JWKS_FILES: expected one file for {clip(pool_id)}")
            path = self._base / names[0]
            try:
                keys = KeySet.parse(path.read_bytes())
                if pool_id in by_id:
                    bundled[by_id[pool_id]] = keys
            except (OSError, ValueError, KeySetError) as error:
                self.problems.append(f"{_PREFIX}JWKS_FILES: {path}: {error}")
        return bundled

    def jwks_timing(self) -> JwksTiming | None:
        spans = {}
        for name, attribute in _TIMES.items():
            if name not in self._values:
                continue
            try:
                seconds = float(self._values[name])
            except ValueError:
                seconds = -1.0
            if not 0 < seconds <= _LONGEST_SECONDS:
                self.problems.append(
                    f"{_PREFIX}{name}: expected seconds, more than 0 and at most "
                    f"{_LONGEST_SECONDS}, found {clip(self._values[name])}"
                )
                continue
            spans[attribute] = timedelta(seconds=seconds)
        try:
            return JwksTiming(**spans)
        except ConfigurationError as error:
            self.problems += error.problems
            return None

    def choice(self, name: str, choices: type[_Choice]) -> _Choice | None:
        if name not in self._values:
            return None
        try:
            return choices(self._values[name])
        except ValueError:
            expected = " or ".join(choices)
            self.problems.append(
                f"{_PREFIX}{name}: expected {expected}, found {clip(self._values[name])}"
            )
            return None

    def _by_pool(
        self, name: str, *, known: Mapping[str, object] | None = None, silent: bool = False
    ) -> dict[str, tuple[str, ...]]:
        """Read ``<pool>=<value>[,<value>]``, pools separated by blanks."""
        found: dict[str, tuple[str, ...]] = {}
        problems = []
        for pair in self._values.get(name, "").split():
            pool_id, equals, listed = pair.partition("=")
            values = tuple(value for value in listed.split(",") if value)
            if not (pool_id and equals and values):
                problems.append(f"expected <pool id>=<value>[,<value>], found {clip(pair)}")
            elif pool_id in found:
                problems.append(f"expected each pool once, found {clip(pool_id)} twice")
            elif known is not None and pool_id not in known:
                problems.append(f"{clip(pool_id)} is not among {_PREFIX}USER_POOLS")
            else:
                found[pool_id] = values
        if not silent:
            self.problems += [f"{_PREFIX}{name}: {problem}" for problem in problems]
        return found
