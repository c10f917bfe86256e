"""All that can be configured, read once from an environment mapping and the files it names.

Everything that is wrong is collected, so that one start tells all of it. A variable that looks
like ours but is not is an error too: a misspelt switch must not quietly leave its default on.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from authorizer.errors import ConfigurationError, clip
from authorizer.gateway.events import Flavour
from authorizer.gateway.token_sources import AUTHORIZATION, TokenSources
from authorizer.policy.decision import Policy
from authorizer.tokens.pool import JwksTiming, UserPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authorizer.tokens.keys import KeySet

_Made = TypeVar("_Made")


class IamMode(StrEnum):
    """What an IAM document covers: the one request, or all that its caller may do."""

    REQUEST = "request"
    CALLER = "caller"


PREFIX = "AUTHORIZER_"
# Of pairs separated by blanks, by what the setting says: what one looks like, and in words.
_PAIRS = {
    **dict.fromkeys(
        ("USER_POOLS", "ISSUERS", "FURTHER_ISSUERS", "AUDIENCES"),
        (r"([^=]+)=([^,]+(?:,[^,]+)*)", "<pool id>=<value>[,<value>]"),
    ),
    **dict.fromkeys(
        ("JWKS_URLS", "JWKS_FILES", "NEVER_EXPIRING_JWKS_FILES"),
        (r"([^=]+)=([^,]+)", "<pool id>=<value>"),
    ),
    "IAM_MODES": (
        f"({'|'.join(map(re.escape, Flavour))})=({'|'.join(IamMode)})",
        f"<event>=<mode> with one of {', '.join(Flavour)} and {' or '.join(IamMode)}",
    ),
}
_TIMES = {
    "JWKS_TIME_TO_LIVE_SECONDS": "time_to_live",
    "JWKS_STALE_LIMIT_SECONDS": "stale_limit",
    "JWKS_COOL_DOWN_SECONDS": "cool_down",
    "JWKS_DEADLINE_SECONDS": "deadline",
}
NAMES = frozenset(
    {
        *(*_PAIRS, *_TIMES, "POLICY", "HTTP_API_ANSWER", "HTTP_API_REFUSAL"),
        *("CLIENT_IDS", "INSECURE_EMULATOR_HOSTS", "TOKEN_SOURCES", "COOKIE_ORIGINS"),
        *("REVOCATION_TABLE", "REVOCATION_TIME_TO_LIVE_SECONDS", "REVOCATION_UNAVAILABLE"),
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
# A week: beyond this a number is a mistake.
_LONGEST = timedelta(days=7)
_REVOCATION_TIME_TO_LIVE = timedelta(seconds=30)
_SPANS = f"seconds, more than 0 and at most {_LONGEST.total_seconds():.0f}"


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


class RevocationUnavailable(StrEnum):
    """What becomes of good tokens when nobody can say which of them were taken back."""

    FAIL = "fail"
    ALLOW_INSECURELY = "allow_insecurely"


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
        token_sources: where tokens may be.
        revocation_table: where tokens are listed that were taken back; nothing where none are.
        revocation_time_to_live: how old that list may get.
        revocation_unavailable: what is done without it.
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
    token_sources: TokenSources = field(default_factory=TokenSources)
    revocation_table: str | None = None
    revocation_time_to_live: timedelta = _REVOCATION_TIME_TO_LIVE
    revocation_unavailable: RevocationUnavailable = RevocationUnavailable.FAIL

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], base: Path | None = None) -> Settings:
        """Read ``AUTHORIZER_*`` variables and the files they name.

        Args:
            environment: such as ``os.environ``.
            base: the folder that relative file names start from; by default the current one.

        Raises:
            ConfigurationError: with everything that is wrong.
        """
        return SettingsReader(environment, base or Path()).read()


class SettingProblem(NamedTuple):
    """What is wrong with one variable, or with what several make together.

    Attributes:
        text: in words, with the variable's name.
        name: the variable's; nothing where there are several.
        beside: the variable or the file without which it would be right; nothing where there is
            none.
    """

    text: str
    name: str | None = None
    beside: str | None = None


class SettingsReader:
    """Reads the variables one by one, and collects what is wrong with them.

    Attributes:
        problems: what is wrong, in the order found.
    """

    def __init__(self, environment: Mapping[str, str], base: Path) -> None:
        """Look at the variables; see :meth:`Settings.from_environment`."""
        self._values = {
            name.removeprefix(PREFIX): value
            for name, value in environment.items()
            if name.startswith(PREFIX)
        }
        self._base = base
        self.problems: list[SettingProblem] = []
        for name in sorted(self._values.keys() - NAMES):
            close = get_close_matches(name, NAMES, n=1)
            self._note(
                name,
                "no such setting" + (f"; did you mean {PREFIX}{close[0]}?" if close else ""),
            )
        if "CLIENT_IDS" in self._values:
            # With several pools, a client of one must not become a client of another.
            pool, clients = self._values.get("USER_POOLS", "").strip(), self._values["CLIENT_IDS"]
            if len(pool.split()) == len(clients.split()) == 1 and "=" not in pool + clients:
                self._values["USER_POOLS"] = f"{pool}={clients.strip()}"
            else:
                self._note(
                    "CLIENT_IDS",
                    f"expected <client id>[,<client id>], and one pool id alone in "
                    f"{PREFIX}USER_POOLS; found {clip(clients)} and {clip(pool)}",
                )
        self._insecure_emulator_hosts = (
            tuple(self._values["INSECURE_EMULATOR_HOSTS"].split(","))
            if "INSECURE_EMULATOR_HOSTS" in self._values
            else ()
        )
        self._pairs = {name: self._pairs_of(name) for name in _PAIRS}
        # A pool that is left out, or an empty value, would be tokens whose aud nobody looks at.
        if "AUDIENCES" in self._values and (
            self._pairs["AUDIENCES"].keys() != self._pairs["USER_POOLS"].keys()
        ):
            self._note("AUDIENCES", f"expected an entry for each pool of {PREFIX}USER_POOLS")
        # Nothing would be revoked, and nobody would know.
        if not self._values.get("REVOCATION_TABLE"):
            for name in sorted(name for name in self._values if name.startswith("REVOCATION_")):
                self._note(name, f"expected a table's name in {PREFIX}REVOCATION_TABLE, found none")
        for pool_id in sorted(
            self._pairs["NEVER_EXPIRING_JWKS_FILES"].keys() & self._pairs["JWKS_FILES"].keys()
        ):
            self._note(
                "NEVER_EXPIRING_JWKS_FILES",
                f"expected it in place of {PREFIX}JWKS_FILES, found {clip(pool_id)} in both",
            )

    def read(self) -> Settings:
        """The settings, with the files that they name.

        Raises:
            ConfigurationError: with everything that is wrong.
        """
        pools = self._pools()
        policy = self._attempt(Policy.load, self._base / self._values.get("POLICY", "policy.json"))
        found: dict[str, Any] = {
            "pools": tuple(pools.values()),
            "policy": policy,
            "bundled_keys": self._keys("JWKS_FILES", pools),
            "never_expiring_keys": self._keys("NEVER_EXPIRING_JWKS_FILES", pools),
            "jwks_timing": self._jwks_timing(),
            "http_api_answer": self._single(
                "HTTP_API_ANSWER", HttpApiAnswer, HttpApiAnswer.SIMPLE, " or ".join(HttpApiAnswer)
            ),
            "http_api_refusal": self._single(
                "HTTP_API_REFUSAL", HttpApiRefusal, HttpApiRefusal.DENY, " or ".join(HttpApiRefusal)
            ),
            "iam_modes": self._iam_modes(policy),
            "insecure_emulator_hosts": self._insecure_emulator_hosts,
            "token_sources": self._attempt(
                TokenSources,
                self._values.get("TOKEN_SOURCES", AUTHORIZATION).split(),
                self._values.get("COOKIE_ORIGINS", "").split(),
            ),
            "revocation_table": self._values.get("REVOCATION_TABLE"),
            "revocation_time_to_live": self._single(
                "REVOCATION_TIME_TO_LIVE_SECONDS",
                _span,
                _REVOCATION_TIME_TO_LIVE,
                _SPANS,
            ),
            "revocation_unavailable": self._single(
                "REVOCATION_UNAVAILABLE",
                RevocationUnavailable,
                RevocationUnavailable.FAIL,
                " or ".join(RevocationUnavailable),
            ),
        }
        if self.problems:
            raise ConfigurationError(problem.text for problem in self.problems)
        return Settings(**found)

    # What cannot be made is left out, or nothing: then there is a problem, and no settings.

    def _pools(self) -> dict[str, UserPool | None]:
        pools = {}
        if not self._pairs["USER_POOLS"]:
            self._note("USER_POOLS", "expected <pool id>=<client id>[,<client id>], found nothing")
        for pool_id, client_ids in self._pairs["USER_POOLS"].items():
            given = {name: pairs.get(pool_id, ()) for name, pairs in self._pairs.items()}
            pools[pool_id] = self._attempt(
                UserPool,
                pool_id,
                client_ids,
                issuer=next(iter(given["ISSUERS"]), None),
                further_issuers=(*given["ISSUERS"][1:], *given["FURTHER_ISSUERS"]),
                jwks_url=next(iter(given["JWKS_URLS"]), None),
                audiences=() if given["AUDIENCES"] == ("none",) else given["AUDIENCES"] or None,
                insecure_emulator_hosts=self._insecure_emulator_hosts,
            )
        return pools

    def _keys(
        self, name: str, pools: Mapping[str, UserPool | None]
    ) -> dict[UserPool | None, KeySet]:
        found = {}
        for pool_id, (file,) in self._pairs[name].items():
            # With the library for keys, which build-time tools that read settings need not load.
            from authorizer.tokens.keys import KeySet, KeySetError  # noqa: PLC0415

            path = self._base / file
            try:
                found[pools.get(pool_id)] = KeySet.parse(path.read_bytes())
            except (OSError, ValueError, KeySetError) as error:
                self._note(
                    name, f"{path}: {getattr(error, 'strerror', None) or error}", beside=str(path)
                )
        return found

    def _jwks_timing(self) -> JwksTiming | None:
        return self._attempt(
            JwksTiming,
            **{
                attribute: self._single(name, _span, getattr(JwksTiming(), attribute), _SPANS)
                for name, attribute in _TIMES.items()
            },
        )

    def _single(
        self, name: str, make: Callable[[str], _Made], default: _Made, expected: str
    ) -> _Made:
        text = self._values.get(name)
        with suppress(ValueError, OverflowError):
            return default if text is None else make(text)
        self._note(name, f"expected {expected}, found {clip(text)}")
        return default

    def _iam_modes(self, policy: Policy | None) -> Mapping[Flavour, IamMode]:
        chosen = {
            Flavour(event): IamMode(mode) for event, (mode,) in self._pairs["IAM_MODES"].items()
        }
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

    def _pairs_of(self, name: str) -> dict[str, tuple[str, ...]]:
        form, expected = _PAIRS[name]
        found: dict[str, tuple[str, ...]] = {}
        for pair in self._values.get(name, "").split():
            parts = re.fullmatch(form, pair)
            if parts is None:
                self._note(name, f"expected {expected}, found {clip(pair)}")
            elif parts[1] in found:
                self._note(name, f"expected {clip(parts[1])} once, found it twice")
            elif name != "IAM_MODES" and parts[1] not in {
                pair.partition("=")[0] for pair in self._values.get("USER_POOLS", "").split()
            }:
                self._note(
                    name,
                    f"{clip(parts[1])} is not among {PREFIX}USER_POOLS",
                    beside=f"{PREFIX}USER_POOLS",
                )
            else:
                found[parts[1]] = tuple(parts[2].split(","))
        return found

    def _note(self, name: str, problem: str, *, beside: str | None = None) -> None:
        self.problems.append(
            SettingProblem(f"{PREFIX}{name}: {problem}", f"{PREFIX}{name}", beside)
        )

    def _attempt(
        self,
        make: Callable[..., _Made],
        *given: Any,  # noqa: ANN401 - whatever it takes
        **named: Any,  # noqa: ANN401
    ) -> _Made | None:
        try:
            return make(*given, **named)
        except ConfigurationError as error:
            self.problems += map(SettingProblem, error.problems)
            return None


def _span(text: str) -> timedelta:
    span = timedelta(seconds=float(text))
    if not timedelta(0) < span <= _LONGEST:
        raise ValueError(text)
    return span
