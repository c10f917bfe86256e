"""A user pool: which issuers speak for it, which app clients we serve, and where its keys are.

Everything follows from the pool id, and can be overridden for emulators and for pools whose
tokens name further issuers. A URL is judged once, here; later modules may trust it. How often keys
are asked for is here, too, apart from what asks: whoever reads settings need not load that.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from authorizer.errors import ConfigurationError, clip

_POOL_ID = re.compile(r"(?P<region>[a-z]{2,5}(?:-[a-z]+)+-[0-9]{1,2})_[A-Za-z0-9]{1,64}", re.ASCII)
_EMULATORS_POOL_ID = re.compile(r"[\w-]{1,128}", re.ASCII)
# No host of AWS's: what speaks plain HTTP in its name is somebody in between.
_EMULATORS_HOST = re.compile(r"(?!.*amazonaws|.*\.aws\.?\Z)[a-z0-9._:-]{1,253}", re.ASCII)
_CLIENT_ID = re.compile(r"[\w+]{1,128}", re.ASCII)
# Nothing that is not printed in ASCII, and no blank, query, fragment or backslash.
_URL = re.compile(r"(?:(?![?#\\])[!-~])+", re.ASCII)
_EMULATOR_HINT = "; for an emulator, see AUTHORIZER_INSECURE_EMULATOR_HOSTS"
_DNS_SUFFIX = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class UserPool:
    """One Cognito user pool whose tokens we accept, for certain app clients.

    Attributes:
        id: the pool id, ``{region}_{alphanumerics}``.
        client_ids: app clients whose tokens are accepted. Never empty: accepting every client of
            a pool would let a token made for another application open this one.
        audiences: which APIs an access token must be bound to (``aud``), one of them at least;
            where empty, it must be bound to none; nothing where that does not matter.
        issuers: exact ``iss`` values that speak for this pool.
        jwks_url: where the pool's JWK Set is fetched.
    """

    id: str
    client_ids: frozenset[str]
    audiences: frozenset[str] | None
    issuers: tuple[str, ...]
    jwks_url: str

    def __init__(
        self,
        pool_id: str,
        client_ids: Iterable[str],
        *,
        issuer: str | None = None,
        further_issuers: Iterable[str] = (),
        jwks_url: str | None = None,
        audiences: Iterable[str] | None = None,
        insecure_emulator_hosts: Iterable[str] = (),
    ) -> None:
        """Describe a pool.

        Args:
            pool_id: such as ``eu-west-1_AbCdEfGhI``.
            client_ids: at least one app client id.
            issuer: replaces the issuers that follow from the pool id.
            further_issuers: accepted besides, such as those of a multi-Region replica.
            jwks_url: replaces the URL that follows from the pool id. HTTPS, except on loopback.
            audiences: what ``aud`` of an access token must name one of, as RFC 8707 has it; an
                empty list refuses tokens with an ``aud``; by default it is not looked at.
            insecure_emulator_hosts: hosts of an emulator of Cognito, whose keys may come over plain
                HTTP, for whoever is in between to replace. With it and ``issuer``, the pool id may
                be the emulator's own. Never for a deployment.

        Raises:
            ConfigurationError: with every argument that cannot be right.
        """
        clients, bound_to, hosts = (
            frozenset([given] if isinstance(given, str) else given)
            for given in (client_ids, audiences or (), insecure_emulator_hosts)
        )
        further = tuple(further_issuers)
        what = f"user pool {clip(pool_id)}"
        problems = [
            *_unlike(
                _EMULATORS_HOST,
                hosts,
                "the name or address of an emulator's host, in small letters and none of AWS's",
            ),
            *_unlike(
                _POOL_ID if issuer is None or not hosts else _EMULATORS_POOL_ID,
                [pool_id],
                "a user pool id such as 'eu-west-1_AbCdEfGhI'",
                _EMULATOR_HINT,
            ),
            *([] if clients else [f"expected at least one app client id for {what}, found none"]),
            *_unlike(_CLIENT_ID, clients, f"an app client id of letters and digits for {what}"),
            *_url_problems("issuer", [*([] if issuer is None else [issuer]), *further], hosts),
            *_url_problems("JWKS URL", [] if jwks_url is None else [jwks_url], hosts),
        ]
        if problems:
            raise ConfigurationError(problems)
        issuers = (*(derived_issuers(pool_id) if issuer is None else (issuer,)), *further)
        for name, value in {
            "id": pool_id,
            "client_ids": clients,
            "audiences": None if audiences is None else bound_to,
            "issuers": tuple(dict.fromkeys(issuers)),
            "jwks_url": jwks_url or f"{issuers[0]}/.well-known/jwks.json",
        }.items():
            object.__setattr__(self, name, value)  # the instance is frozen for everyone else


def derived_issuers(pool_id: str) -> tuple[str, str]:
    """The two issuers that Cognito may name for a pool: the original form, and the newer one.

    Only the first one serves a JWK Set for every pool, so that is where keys are fetched.
    """
    region = pool_id.partition("_")[0]
    suffix = _DNS_SUFFIX.get(region.partition("-")[0], "amazonaws.com")
    return (
        f"https://cognito-idp.{region}.{suffix}/{pool_id}",
        f"https://issuer-cognito-idp.{region}.{suffix}/{pool_id}",
    )


def _unlike(
    pattern: re.Pattern[str], values: Iterable[object], expected: str, hint: str = ""
) -> list[str]:
    """What is wrong with values that are not like that; with a hint, where they have a ``_``."""
    return [
        f"expected {expected}, found {clip(value)}"
        f"{hint if isinstance(value, str) and '_' in value else ''}"
        for value in sorted(values, key=clip)
        if not (isinstance(value, str) and pattern.fullmatch(value))
    ]


def _url_problems(what: str, urls: Iterable[str], hosts: frozenset[str]) -> list[str]:
    return [
        f"expected the {what} to be an https URL (http on loopback only) "
        f"without user, query or fragment, found {clip(url, 120)}"
        f"{_EMULATOR_HINT if clip(url)[1:6] == 'http:' else ''}"
        for url in urls
        if not _is_acceptable_url(url, hosts)
    ]


def _is_acceptable_url(url: object, insecure_hosts: frozenset[str]) -> bool:
    if isinstance(url, str) and _URL.fullmatch(url):
        with suppress(ValueError):  # no URL; or a host that is no address, so that it is not near
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
            if host and "@" not in parts.netloc and parts.scheme in {"https", "http"}:
                return (
                    parts.scheme == "https"
                    or host in {"localhost", *insecure_hosts}
                    or ip_address(host).is_loopback
                )
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class JwksTiming:
    """How long keys are kept, and how often they are asked for.

    Attributes:
        time_to_live: how long a fetched set is used without asking again. It is also how long a
            key that the pool withdrew can still be trusted, where refreshing succeeds.
        stale_limit: how long a set is used until refreshing it succeeds. At least the time to
            live; equal to it, and whoever comes later waits for new keys.
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
        problems = [
            f"expected {name} to be longer than zero, found {getattr(self, name)}"
            for name in ("time_to_live", "stale_limit", "cool_down", "first_back_off", "deadline")
            if getattr(self, name) <= timedelta(0)
        ]
        problems += [
            f"expected {name} to be at least {least} ({getattr(self, least)}), "
            f"found {getattr(self, name)}"
            for name, least in (
                ("stale_limit", "time_to_live"),
                ("longest_back_off", "first_back_off"),
            )
            if getattr(self, name) < getattr(self, least)
        ]
        if problems:
            raise ConfigurationError(problems)
