"""All that can be configured, read once from an environment mapping and the files it names.

Everything that is wrong is collected, so that one start tells all of it. A variable that looks
like ours but is not is an error too: a misspelt switch must not quietly leave its default on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from authorizer.errors import ConfigurationError, clip
from authorizer.gateway.events import Flavour
from authorizer.policy.decision import Policy
from authorizer.policy.iam import IamMode
from authorizer.tokens.pool import JwksTiming, UserPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.tokens.keys import KeySet

_Choice = TypeVar("_Choice", bound=StrEnum)
_Made = TypeVar("_Made")

PREFIX = "AUTHORIZER_"
# Written <pool id>=<value>[,<value>], pools separated by blanks; with how many values for a pool.
_BY_POOL = {
    "USER_POOLS": None,
    "ISSUERS": None,
    "FURTHER_ISSUERS": None,
    "AUDIENCES": None,
    "JWKS_URLS": 1,
    "JWKS_FILES": 1,
    "NEVER_EXPIRING_JWKS_FILES": 1,
}
_TIMES = {
    "JWKS_TIME_TO_LIVE_SECONDS": "time_to_live",
    "JWKS_STALE_LIMIT_SECONDS": "stale_limit",
    "JWKS_COOL_DOWN_SECONDS": "cool_down",
    "JWKS_DEADLINE_SECONDS": "deadline",
}
NAMES = frozenset(
    {
        *(*_BY_POOL, *_TIMES, "POLICY", "HTTP_API_ANSWER", "HTTP_API_REFUSAL", "IAM_MODES"),
        *("CLIENT_IDS", "INSECURE_EMULATOR_HOSTS"),
    }
)
# REST APIs remember an answer for five minutes, and for all routes, unless told otherwise: there a
# document for one request would be wrong for the next. The other kinds remember nothing unless
# told to, or (WebSocket APIs) ask for one route only.
DEFAULT_IAM_MODES: Mapping[Flavour, IamMode] = MappingProxyType(
    {
        flavour: IamMode.CALLER
        if flavour in {Flavour.REST_REQUEST, Flavour.REST_TOKEN}
        else IamMode.REQUEST
        for flavour in Flavour
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
        never_expiring_keys: all the keys of a pool, for good: it is never asked for others.
        jwks_timing: how keys are kept and asked for.
        http_api_answer: simple or IAM answers on payload 2.0.
        http_api_refusal: 403 or ``Unauthorized`` for a refused token on HTTP APIs.
        iam_modes: what an IAM document covers, for each kind of event.
        insecure_emulator_hosts: where keys may come from over plain HTTP. Not for a deployment.
    """

    pools: tuple[UserPool, ...]
    policy: Policy
    bundled_keys: Mapping[UserPool, KeySet] = field(default_factory=dict)
    never_expiring_keys: Mapping[UserPool, KeySet] = field(default_factory=dict)
    jwks_timing: JwksTiming = field(default_factory=JwksTiming)
    http_api_answer: HttpApiAnswer = HttpApiAnswer.SIMPLE
    http_api_refusal: HttpApiRefusal = HttpApiRefusal.DENY
    iam_modes: Mapping[Flavour, IamMode] = field(default_factory=lambda: DEFAULT_IAM_MODES)
    insecure_emulator_hosts: tuple[str, ...] = ()

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
        pools = reader.pools()
        policy = reader.attempt(
            Policy.load, reader.base / reader.values.get("POLICY", "policy.json")
        )
        chosen = {
            "policy": policy,
            "bundled_keys": reader.bundled_keys("JWKS_FILES", pools),
            "never_expiring_keys": reader.bundled_keys("NEVER_EXPIRING_JWKS_FILES", pools),
            "jwks_timing": reader.jwks_timing(),
            "http_api_answer": reader.choice("HTTP_API_ANSWER", HttpApiAnswer),
            "http_api_refusal": reader.choice("HTTP_API_REFUSAL", HttpApiRefusal),
            "iam_modes": reader.iam_modes(policy),
            "insecure_emulator_hosts": reader.insecure_emulator_hosts,
        }
        if reader.problems:
            raise ConfigurationError(reader.problems)
        return cls(
            pools=tuple(pools.values()),
            **{name: value for name, value in chosen.items() if value is not None},  # type: ignore[arg-type]
        )


class SettingProblem(str):
    """What is wrong with one variable, in words; what several make together is plain text.

    Attributes:
        name: the variable's.
        beside: the variable or the file without which it would be right; nothing where there is
            none.
    """

    __slots__ = ("beside", "name")
    name: str
    beside: str | None


class _Reader:
    """Reads the variables one by one, and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str], base: Path) -> None:
        self.values = {
            name.removeprefix(PREFIX): value
            for name, value in environment.items()
            if name.startswith(PREFIX)
        }
        self.base = base
        self.problems: list[str] = []
        for name in sorted(self.values.keys() - NAMES):
            close = get_close_matches(name, NAMES, n=1)
            self._note(
                name,
                "no such setting" + (f"; did you mean {PREFIX}{close[0]}?" if close else ""),
            )
        if "CLIENT_IDS" in self.values:
            # With several pools, a client of one must not become a client of another.
            pool, clients = self.values.get("USER_POOLS", "").strip(), self.values["CLIENT_IDS"]
            if len(pool.split()) == len(clients.split()) == 1 and "=" not in pool + clients:
                self.values["USER_POOLS"] = f"{pool}={clients.strip()}"
            else:
                self._note(
                    "CLIENT_IDS",
                    f"expected <client id>[,<client id>], and one pool id alone in "
                    f"{PREFIX}USER_POOLS; found {clip(clients)} and {clip(pool)}",
                )
        self.insecure_emulator_hosts = (
            tuple(self.values["INSECURE_EMULATOR_HOSTS"].split(","))
            if "INSECURE_EMULATOR_HOSTS" in self.values
            else ()
        )
        self._by_pool = {name: self._pairs(name, most) for name, most in _BY_POOL.items()}
        # A pool that is left out, or an empty value, would be tokens whose aud nobody looks at.
        if "AUDIENCES" in self.values and (
            self._by_pool["AUDIENCES"].keys() != self._by_pool["USER_POOLS"].keys()
        ):
            self._note("AUDIENCES", f"expected an entry for each pool of {PREFIX}USER_POOLS")
        for pool_id in sorted(
            self._by_pool["NEVER_EXPIRING_JWKS_FILES"].keys() & self._by_pool["JWKS_FILES"].keys()
        ):
            self._note(
                "NEVER_EXPIRING_JWKS_FILES",
                f"expected it in place of {PREFIX}JWKS_FILES, found {clip(pool_id)} in both",
            )

    def pools(self) -> dict[str, UserPool]:
        pools = {}
        if not self._by_pool["USER_POOLS"]:
            self._note("USER_POOLS", "expected <pool id>=<client id>[,<client id>], found nothing")
        for pool_id, client_ids in self._by_pool["USER_POOLS"].items():
            given = {name: pairs.get(pool_id, ()) for name, pairs in self._by_pool.items()}
            pools[pool_id] = self.attempt(
                UserPool,
                pool_id,
                client_ids,
                issuer=next(iter(given["ISSUERS"]), None),
                further_issuers=(*given["ISSUERS"][1:], *given["FURTHER_ISSUERS"]),
                jwks_url=next(iter(given["JWKS_URLS"]), None),
                audiences=() if given["AUDIENCES"] == ("none",) else given["AUDIENCES"] or None,
                insecure_emulator_hosts=self.insecure_emulator_hosts,
            )
        return {pool_id: pool for pool_id, pool in pools.items() if pool is not None}

    def bundled_keys(self, name: str, pools: Mapping[str, UserPool]) -> dict[UserPool, KeySet]:
        bundled = {}
        for pool_id, (file,) in self._by_pool[name].items():
            # With the library for keys, which build-time tools that read settings need not load.
            from authorizer.tokens.keys import KeySet, KeySetError  # noqa: PLC0415

            path = self.base / file
            try:
                bundled[pool_id] = KeySet.parse(path.read_bytes())
            except (OSError, ValueError, KeySetError) as error:
                self._note(
                    name, f"{path}: {getattr(error, 'strerror', None) or error}", beside=str(path)
                )
        return {pools[pool_id]: keys for pool_id, keys in bundled.items() if pool_id in pools}

    def jwks_timing(self) -> JwksTiming | None:
        return self.attempt(
            JwksTiming,
            **{
                attribute: span
                for name, attribute in _TIMES.items()
                if name in self.values and (span := self._seconds(name, self.values[name]))
            },
        )

    def choice(self, name: str, choices: type[_Choice]) -> _Choice | None:
        text = self.values.get(name)
        if text not in {None, *choices}:
            self._note(name, f"expected {' or '.join(choices)}, found {clip(text)}")
        return choices(text) if text in set(choices) else None

    def iam_modes(self, policy: Policy | None) -> Mapping[Flavour, IamMode]:
        chosen: dict[Flavour, IamMode] = {}
        for pair in self.values.get("IAM_MODES", "").split():
            flavour, _, mode = pair.partition("=")
            if flavour not in set(Flavour) or mode not in set(IamMode):
                self._note(
                    "IAM_MODES",
                    f"expected <event>=<mode> with one of {', '.join(Flavour)} and "
                    f"{' or '.join(IamMode)}, found {clip(pair)}",
                )
            elif flavour in chosen:
                self._note("IAM_MODES", f"expected each event once, found {clip(flavour)} twice")
            else:
                chosen[Flavour(flavour)] = IamMode(mode)
        if (
            policy is not None
            and policy.routes is None
            and IamMode.CALLER in {mode for one, mode in chosen.items() if one != Flavour.WEBSOCKET}
        ):
            self._note(
                "IAM_MODES",
                "expected a policy with the API's routes for mode caller, found one without: "
                "compile it with 'authorizer compile --template template.yaml'",
            )
        return {**DEFAULT_IAM_MODES, **chosen}

    def _seconds(self, name: str, text: str) -> timedelta | None:
        with suppress(ValueError):
            if 0 < float(text) <= _LONGEST_SECONDS:
                return timedelta(seconds=float(text))
        self._note(
            name,
            f"expected seconds, more than 0 and at most {_LONGEST_SECONDS}, found {clip(text)}",
        )
        return None

    def _pairs(self, name: str, most: int | None) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for pair in self.values.get(name, "").split():
            pool_id, _, listed = pair.partition("=")
            values = tuple(listed.split(","))
            if not (pool_id and all(values)):
                self._note(name, f"expected <pool id>=<value>[,<value>], found {clip(pair)}")
            elif pool_id in found:
                self._note(name, f"expected each pool once, found {clip(pool_id)} twice")
            elif most is not None and len(values) > most:
                self._note(name, f"expected one value for {clip(pool_id)}, found {len(values)}")
            elif pool_id not in {
                pair.partition("=")[0] for pair in self.values.get("USER_POOLS", "").split()
            }:
                self._note(
                    name,
                    f"{clip(pool_id)} is not among {PREFIX}USER_POOLS",
                    beside=f"{PREFIX}USER_POOLS",
                )
            else:
                found[pool_id] = values
        return found

    def _note(self, name: str, problem: str, *, beside: str | None = None) -> None:
        noted = SettingProblem(f"{PREFIX}{name}: {problem}")
        noted.name, noted.beside = f"{PREFIX}{name}", beside
        self.problems.append(noted)

    def attempt(
        self,
        make: Callable[..., _Made],
        *given: Any,  # noqa: ANN401 - whatever it takes
        **named: Any,  # noqa: ANN401
    ) -> _Made | None:
        try:
            return make(*given, **named)
        except ConfigurationError as error:
            self.problems += error.problems
            return None
