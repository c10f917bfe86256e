"""What a pool id stands for, and which ids, clients and URLs are refused at start-up."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import pytest

from authorizer.errors import ConfigurationError
from authorizer.tokens.pool import UserPool, derived_issuers

if TYPE_CHECKING:
    from collections.abc import Callable

POOL_ID = "eu-west-1_AbCdEfGhI"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL_ID}"


def problems_of(make: Callable[[], UserPool]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        make()
    return caught.value.problems


@pytest.mark.parametrize(
    ("pool_id", "host"),
    [
        ("eu-west-1_AbCdEfGhI", "cognito-idp.eu-west-1.amazonaws.com"),
        ("ap-southeast-12_A", "cognito-idp.ap-southeast-12.amazonaws.com"),
        ("us-gov-west-1_A1", "cognito-idp.us-gov-west-1.amazonaws.com"),
        ("cn-north-1_A1", "cognito-idp.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1_A1", "cognito-idp.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_everything_follows_from_the_id(pool_id: str, host: str) -> None:
    """Issuers and JWKS URL are those of the pool's region and partition; the older issuer first."""
    pool = UserPool(pool_id, ["client"])
    assert pool.id == pool_id
    assert pool.client_ids == {"client"}
    assert pool.issuers == (f"https://{host}/{pool_id}", f"https://issuer-{host}/{pool_id}")
    assert pool.issuers == derived_issuers(pool_id)
    assert pool.jwks_url == f"https://{host}/{pool_id}/.well-known/jwks.json"


@pytest.mark.parametrize(
    "pool_id",
    [
        "",
        "AbCdEfGhI",
        "eu-west-1",
        "eu-west-1_",
        "_AbCdEfGhI",
        "eu-west-1_Ab-Cd",
        "eu-west-1_Ab_Cd",
        "eu-west-1_AbCd\n",
        " eu-west-1_AbCd",
        "EU-WEST-1_AbCd",
        "eu-west_AbCd",
        "eu-west-123_AbCd",
        "eu-west-1_Äb",
        "eu-west-١_Ab",
        "eu-west-1_A/../../b",
        "evil.example/x-y-1_A",
        "eu-west-1_" + "a" * 65,
        None,
        7,
    ],
)
def test_refuses_what_is_no_pool_id(pool_id: str) -> None:
    """The id becomes part of a URL that keys are fetched from, so it is matched from end to end."""
    (problem,) = problems_of(lambda: UserPool(pool_id, ["client"]))
    assert problem.startswith("expected a user pool id such as 'eu-west-1_AbCdEfGhI', found ")


def test_longest_pool_id() -> None:
    """Sixty-four characters after the region are accepted; sixty-five are not (see above)."""
    assert UserPool("eu-west-1_" + "a" * 64, ["client"]).id.endswith("a" * 64)


def test_one_client_as_text() -> None:
    """A single client id is one id, not one per letter."""
    assert UserPool(POOL_ID, "4k2example").client_ids == {"4k2example"}


def test_refuses_no_client() -> None:
    """No client id would have to mean every client, and that is never meant."""
    assert problems_of(lambda: UserPool(POOL_ID, [])) == (
        f"expected at least one app client id for user pool '{POOL_ID}', found none",
    )


@pytest.mark.parametrize("client", ["", " ", "a b", "a\n", "a,b", "*", "ä", "a" * 129, None, 7])
def test_refuses_what_is_no_client_id(client: str) -> None:
    """A client id that no token can carry is a typing error in the configuration."""
    (problem,) = problems_of(lambda: UserPool(POOL_ID, ["good", client]))
    assert problem.startswith("expected an app client id of letters and digits")


def test_longest_client_id() -> None:
    """A client id of 128 characters is accepted; of 129, not (see above)."""
    assert UserPool(POOL_ID, ["a" * 128]).client_ids == {"a" * 128}


def test_issuer_override_replaces() -> None:
    """An emulator's issuer stands alone, and serves its own keys."""
    pool = UserPool(POOL_ID, ["client"], issuer="http://127.0.0.1:4566/pool")
    assert pool.issuers == ("http://127.0.0.1:4566/pool",)
    assert pool.jwks_url == "http://127.0.0.1:4566/pool/.well-known/jwks.json"


def test_further_issuers_are_added_once() -> None:
    """A replica's issuer comes after the pool's own; naming one twice changes nothing."""
    replica = f"https://cognito-idp.eu-central-1.amazonaws.com/{POOL_ID}"
    pool = UserPool(POOL_ID, ["client"], further_issuers=[replica, ISSUER, replica])
    assert pool.issuers == (*derived_issuers(POOL_ID), replica)
    assert pool.jwks_url == f"{ISSUER}/.well-known/jwks.json"


def test_jwks_url_override_replaces_nothing_else() -> None:
    """Where keys come from is independent of who the issuer is."""
    pool = UserPool(POOL_ID, ["client"], jwks_url="https://keys.example/set")
    assert pool.jwks_url == "https://keys.example/set"
    assert pool.issuers == derived_issuers(POOL_ID)


@pytest.mark.parametrize(
    "url",
    [
        "https://keys.example",
        "https://keys.example:8443/a/b",
        "https://10.0.0.7/keys",
        "HTTPS://KEYS.EXAMPLE/set",
        "http://localhost:4566/x",
        "http://LOCALHOST/x",
        "http://127.0.0.1/x",
        "http://127.255.0.1:80/x",
        "http://[::1]:4566/x",
    ],
)
def test_accepts_https_and_loopback(url: str) -> None:
    """Plain HTTP is fit only for a path that never leaves the machine."""
    assert UserPool(POOL_ID, ["client"], jwks_url=url).jwks_url == url
    assert UserPool(POOL_ID, ["client"], issuer=url).issuers == (url,)


NEITHER_HTTPS_NOR_LOOPBACK = [
    "",
    "keys.example",
    "//keys.example/x",
    "/etc/keys.json",
    "file:///etc/keys.json",
    "ftp://keys.example/x",
    "ftp://localhost/x",
    "file://127.0.0.1/etc/keys.json",
    "https:keys.example",
    "https://",
    "https:///keys",
    "https://:443/keys",
    "http://keys.example/x",
    "http://10.0.0.7/x",
    "http://0.0.0.0/x",
    "http://127.0.0.1.evil.example/x",
    "http://localhost.evil.example/x",
    "http://localhost./x",
    "http://evil.example/localhost",
    "http://2130706433/x",
    "http://[::2]/x",
    "http://[::1/x",
    "https://user@keys.example/x",
    "https://user:secret@keys.example/x",
    "http://127.0.0.1@evil.example/x",
    "http://127.0.0.1\\@evil.example/x",
    "https://keys.example\\x",
    "https://keys.example/x?y=1",
    "https://keys.example/x?",
    "https://keys.example/x#y",
    "https://keys.example/x#",
    "https://keys.example/x y",
    " https://keys.example/x",
    "https://keys.example/x\n",
    "https://keys.example\t/x",
    "https://keys.ex\x00ample/x",
    "https://käys.example/x",
    "https://keys.example:port/x",
    "https://keys.example:65536/x",
    7,
    b"https://keys.example/x",
]


@pytest.mark.parametrize("url", NEITHER_HTTPS_NOR_LOOPBACK)
def test_refuses_other_urls(url: str) -> None:
    """A URL is judged once, here: what reads differently to two parsers is not accepted."""
    rule = "to be an https URL (http on loopback only) without user, query or fragment, found "
    (problem,) = problems_of(lambda: UserPool(POOL_ID, ["client"], jwks_url=url))
    assert problem.startswith(f"expected the JWKS URL {rule}")
    (problem,) = problems_of(lambda: UserPool(POOL_ID, ["client"], issuer=url))
    assert problem.startswith(f"expected the issuer {rule}")
    (problem,) = problems_of(lambda: UserPool(POOL_ID, ["client"], further_issuers=[url]))
    assert problem.startswith(f"expected the issuer {rule}")


EMULATOR = "local_4bGGJCCk"


def test_an_emulator_by_its_name() -> None:
    """With its host named, its own pool id, issuer and keys do, without TLS."""
    pool = UserPool(
        EMULATOR,
        ["client"],
        issuer=f"http://cognito-local:9229/{EMULATOR}",
        further_issuers=["http://0.0.0.0:9229/x"],
        jwks_url="http://host.docker.internal:9229/keys",
        insecure_emulator_hosts=["host.docker.internal", "cognito-local", "0.0.0.0"],
    )
    assert pool.id == EMULATOR
    assert pool.issuers == (f"http://cognito-local:9229/{EMULATOR}", "http://0.0.0.0:9229/x")
    assert pool.jwks_url == "http://host.docker.internal:9229/keys"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("172.17.0.1", "http://172.17.0.1:4566/x"),
        ("fd00::1", "http://[fd00::1]:4566/x"),
        ("localstack", "http://LOCALSTACK:4566/x"),
        ("my_service", "http://my_service/x"),
    ],
)
def test_http_is_for_the_hosts_that_are_named(host: str, url: str) -> None:
    """Who names one host has named no other; by default none is."""

    def pool(hosts: str | list[str]) -> UserPool:
        return UserPool(POOL_ID, ["client"], jwks_url=url, insecure_emulator_hosts=hosts)

    assert pool(host).jwks_url == pool([host]).jwks_url == url
    for others in ([], [f"{host}.example"], [f"x{host}"]):
        (problem,) = problems_of(lambda others=others: pool(others))  # type: ignore[misc]
        assert problem.startswith("expected the JWKS URL to be an https URL")


@pytest.mark.parametrize("url", NEITHER_HTTPS_NOR_LOOPBACK)
def test_naming_an_emulator_excuses_no_other_fault(url: str) -> None:
    """Only the want of TLS is excused, and only for that host."""
    for issuer, jwks_url in ((url, None), (ISSUER, url)):
        make = functools.partial(
            UserPool, POOL_ID, ["client"], issuer=issuer, insecure_emulator_hosts=["emulator"]
        )
        assert len(problems_of(lambda make=make, at=jwks_url: make(jwks_url=at))) == 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "host",
    [
        *(
            "amazonaws.com",
            "cognito-idp.eu-west-1.amazonaws.com",
            "x.amazonaws.com.",
            "amazonaws.eu",
        ),
        *(
            "issuer-cognito-idp.cn-north-1.amazonaws.com.cn",
            "cognito-idp.eu-west-1.on.aws",
            "api.aws.",
        ),
        *(
            "",
            "*",
            "*.internal",
            "a b",
            "A",
            "a/b",
            "user@a",
            "[::1]",
            "a\n",
            "ä",
            "a" * 254,
            None,
            7,
        ),
    ],
)
def test_what_is_no_emulators_host(host: str) -> None:
    """AWS's hosts speak TLS, and there is no host that stands for others."""
    (problem,) = problems_of(lambda: UserPool(POOL_ID, ["client"], insecure_emulator_hosts=[host]))
    assert problem.startswith(
        "expected the name or address of an emulator's host, in small letters"
    )


@pytest.mark.parametrize(
    "named",
    [{}, {"issuer": "https://a.example"}, {"insecure_emulator_hosts": ["localhost"]}],
    ids=["nothing", "issuer alone", "host alone"],
)
def test_an_emulators_pool_id_needs_its_issuer_and_host(named: dict[str, Any]) -> None:
    """No URL is made up of an id that is not Cognito's, and by default there is no such id."""
    (problem,) = problems_of(lambda: UserPool(EMULATOR, ["client"], **named))
    assert problem.startswith("expected a user pool id such as")


@pytest.mark.parametrize("pool_id", ["", "a b", "a\n", "a/b", "ä_b", "a=b", "x" * 129, None])
def test_what_is_no_emulators_pool_id_either(pool_id: str) -> None:
    """An emulator's id is a word, too."""
    (problem,) = problems_of(
        lambda: UserPool(
            pool_id, ["client"], issuer="http://localhost/x", insecure_emulator_hosts=["localhost"]
        )
    )
    assert problem.startswith("expected a user pool id such as")


def test_what_an_emulator_needs_is_told() -> None:
    """Whoever configured an emulator learns how; whoever mistyped, no more than that."""
    hint = "; for an emulator, see AUTHORIZER_INSECURE_EMULATOR_HOSTS"
    url = "http://host.docker.internal:9229/keys"
    problems = problems_of(lambda: UserPool(EMULATOR, ["client"], issuer=url, jwks_url=url))
    assert [problem.endswith(hint) for problem in problems] == [True, True, True]
    problems = problems_of(lambda: UserPool("nonsense", ["client"], jwks_url="ftp://a"))
    assert not any(hint in problem for problem in problems)


def test_audiences() -> None:
    """None by default, which is another thing than an empty set; one as text is one."""
    assert UserPool(POOL_ID, ["client"]).audiences is None
    assert UserPool(POOL_ID, ["client"], audiences=[]).audiences == frozenset()
    assert UserPool(POOL_ID, ["client"], audiences="abc").audiences == frozenset({"abc"})
    assert UserPool(POOL_ID, ["client"], audiences=["a", "b", "a"]).audiences == frozenset(
        {"a", "b"}
    )
    assert UserPool(POOL_ID, ["client"]) != UserPool(POOL_ID, ["client"], audiences=[])


def test_all_problems_at_once() -> None:
    """Whoever corrects a configuration wants the whole list."""
    problems = problems_of(
        lambda: UserPool("bad", [""], issuer="x", further_issuers=["y", "z"], jwks_url="w")
    )
    assert len(problems) == 6
    assert [what for what in problems if "issuer" in what] == list(problems[2:5])


def test_long_foreign_text_is_clipped() -> None:
    """A message stays short, whatever stood in the configuration."""
    problems = problems_of(
        lambda: UserPool("x" * 9_999, ["!" * 9_999], issuer="y" * 9_999, jwks_url="z" * 9_999)
    )
    assert len(problems) == 4
    assert all(len(problem) < 400 for problem in problems)


def test_what_cannot_be_shown_is_a_problem_like_others() -> None:
    """A number of more digits than Python writes is refused, and breaks no message."""
    huge: Any = 10**5_000
    problems = problems_of(
        lambda: UserPool(
            huge,
            ["good", huge, huge + 1],
            issuer=huge,
            further_issuers=[huge],
            jwks_url=huge,
            insecure_emulator_hosts=[huge, huge + 1],
        )
    )
    assert len(problems) == 8
    assert all("a value of type int that cannot be shown" in problem for problem in problems)


def test_frozen_and_equal_by_value() -> None:
    """Pools are values: equal when they say the same, fit as keys, and never changed."""
    pool = UserPool(POOL_ID, ["a", "b"])
    assert pool == UserPool(POOL_ID, ["b", "a"])
    assert hash(pool) == hash(UserPool(POOL_ID, ["b", "a"]))
    assert pool != UserPool(POOL_ID, ["a"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        pool.jwks_url = "https://evil.example"  # type: ignore[misc]
    with pytest.raises(TypeError):
        dataclasses.replace(pool, jwks_url="http://evil.example")
