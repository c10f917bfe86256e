"""The environment becomes settings that work, or a list of all that is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from naive_policy import NaivePolicy
from simulator import CLIENT_ID, POOL_ID, Cognito

from authorizer import ConfigurationError, JwksTiming, Settings, UserPool
from authorizer.cli.policy_file import dump_policy
from authorizer.settings import HttpApiAnswer, HttpApiRefusal, RevocationUnavailable

OTHER_POOL = "eu-west-1_Other"
POOLS = {"AUTHORIZER_USER_POOLS": f"{POOL_ID}={CLIENT_ID}"}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A function's package: a compiled policy, and a bundled JWK Set."""
    (tmp_path / "policy.json").write_bytes(dump_policy(NaivePolicy().document()))
    (tmp_path / "jwks.json").write_bytes(Cognito().jwks())
    return tmp_path


def read(base: Path, **environment: str) -> Settings:
    """Settings from the variables that every test needs, and more of them."""
    named = {f"AUTHORIZER_{name}": value for name, value in environment.items()}
    return Settings.from_environment(POOLS | named, base)


def problems_of(base: Path, **environment: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read(base, **environment)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_one_variable_is_enough(base: Path) -> None:
    """Pools and clients have no default; everything else has a safe one."""
    settings = read(base)

    assert settings.pools == (UserPool(POOL_ID, [CLIENT_ID]),)
    assert settings.policy.rules == ()
    assert settings.bundled_keys == {}
    assert settings.never_expiring_keys == {}
    assert settings.jwks_timing == JwksTiming()
    assert settings.http_api_answer is HttpApiAnswer.SIMPLE
    assert settings.http_api_refusal is HttpApiRefusal.DENY


def test_the_clients_of_one_pool_may_stand_alone(base: Path) -> None:
    """Two variables say the same as one: a pool, and its clients."""
    settings = read(base, USER_POOLS=f" {POOL_ID} ", CLIENT_IDS=f"{CLIENT_ID},second\n")

    assert settings.pools == (UserPool(POOL_ID, [CLIENT_ID, "second"]),)


@pytest.mark.parametrize(
    ("pools", "clients"),
    [
        pytest.param(f"{POOL_ID} {OTHER_POOL}", "a", id="two pools"),
        pytest.param(f"{POOL_ID}=a", "b", id="a pool that has clients"),
        pytest.param("", "a", id="no pool"),
        pytest.param(POOL_ID, "", id="no client"),
        pytest.param(POOL_ID, f"a {OTHER_POOL}=b", id="another pool among the clients"),
        pytest.param(POOL_ID, "a=b", id="a pair among the clients"),
        pytest.param(POOL_ID, "a, b", id="a blank between clients"),
    ],
)
def test_clients_alone_belong_to_one_pool(base: Path, pools: str, clients: str) -> None:
    """Which pool a client is of is never guessed, and a list of clients adds no pool."""
    assert any(
        problem.startswith("AUTHORIZER_CLIENT_IDS: expected <client id>")
        for problem in problems_of(base, USER_POOLS=pools, CLIENT_IDS=clients)
    )


def test_everything_can_be_set(base: Path) -> None:
    """Each variable reaches the part that it is for."""
    (base / "policy.json").rename(base / "other.json")
    settings = read(
        base,
        USER_POOLS=f"{POOL_ID}={CLIENT_ID},second  {OTHER_POOL}=third",
        ISSUERS=f"{POOL_ID}=https://issuer.example/a,https://issuer.example/b",
        FURTHER_ISSUERS=f"{POOL_ID}=https://issuer.example/c",
        JWKS_URLS=f"{POOL_ID}=http://127.0.0.1:8000/keys?=".removesuffix("?="),
        JWKS_FILES=f"{OTHER_POOL}=jwks.json",
        POLICY="other.json",
        JWKS_TIME_TO_LIVE_SECONDS="600",
        JWKS_STALE_LIMIT_SECONDS="1200",
        JWKS_COOL_DOWN_SECONDS="5.5",
        JWKS_DEADLINE_SECONDS="2",
        HTTP_API_ANSWER="iam",
        HTTP_API_REFUSAL="unauthorized",
    )
    first, second = settings.pools

    assert first.client_ids == {CLIENT_ID, "second"}
    assert second.client_ids == {"third"}
    assert first.issuers == tuple(f"https://issuer.example/{name}" for name in "abc")
    assert first.jwks_url == "http://127.0.0.1:8000/keys"
    assert settings.bundled_keys == {second: Cognito().key_set()}
    assert settings.jwks_timing == JwksTiming(
        time_to_live=timedelta(seconds=600),
        stale_limit=timedelta(seconds=1200),
        cool_down=timedelta(seconds=5.5),
        deadline=timedelta(seconds=2),
    )
    assert settings.http_api_answer is HttpApiAnswer.IAM
    assert settings.http_api_refusal is HttpApiRefusal.UNAUTHORIZED


def test_an_emulator_can_be_named(base: Path) -> None:
    """Its hosts reach every pool, and remain known, so that a start can tell of them."""
    settings = read(
        base,
        USER_POOLS=f"local_4bGGJCCk=client {POOL_ID}={CLIENT_ID}",
        ISSUERS="local_4bGGJCCk=http://0.0.0.0:9229/local_4bGGJCCk",
        JWKS_URLS=(
            "local_4bGGJCCk=http://host.docker.internal:9229/keys "
            f"{POOL_ID}=http://host.docker.internal:4566/keys"
        ),
        INSECURE_EMULATOR_HOSTS="0.0.0.0,host.docker.internal",
    )
    assert [pool.id for pool in settings.pools] == ["local_4bGGJCCk", POOL_ID]
    assert settings.insecure_emulator_hosts == ("0.0.0.0", "host.docker.internal")
    assert read(base).insecure_emulator_hosts == ()


def test_revocation_is_off_unless_a_table_is_named(base: Path) -> None:
    """By default its list is half a minute old at most, and nobody gets in without it."""
    assert read(base).revocation_table is None
    settings = read(base, REVOCATION_TABLE="revoked")
    assert settings.revocation_table == "revoked"
    assert settings.revocation_time_to_live == timedelta(seconds=30)
    assert settings.revocation_unavailable is RevocationUnavailable.FAIL
    settings = read(
        base,
        REVOCATION_TABLE="revoked",
        REVOCATION_TIME_TO_LIVE_SECONDS="2.5",
        REVOCATION_UNAVAILABLE="allow_insecurely",
    )
    assert settings.revocation_time_to_live == timedelta(seconds=2.5)
    assert settings.revocation_unavailable is RevocationUnavailable.ALLOW_INSECURELY


def test_settings_of_revocation_without_a_table_are_mistakes(base: Path) -> None:
    """Whoever forgot it, or whose template left it empty, would revoke nobody."""
    told = {"REVOCATION_TIME_TO_LIVE_SECONDS": "0", "REVOCATION_UNAVAILABLE": "allow"}
    expected = "expected a table's name in AUTHORIZER_REVOCATION_TABLE, found none"
    assert problems_of(base, REVOCATION_TABLE="", **told) == (
        f"AUTHORIZER_REVOCATION_TABLE: {expected}",
        f"AUTHORIZER_REVOCATION_TIME_TO_LIVE_SECONDS: {expected}",
        f"AUTHORIZER_REVOCATION_UNAVAILABLE: {expected}",
        (
            "AUTHORIZER_REVOCATION_TIME_TO_LIVE_SECONDS: expected seconds, more than 0 and at most "
            "604800, found '0'"
        ),
        "AUTHORIZER_REVOCATION_UNAVAILABLE: expected fail or allow_insecurely, found 'allow'",
    )


@pytest.mark.parametrize(
    ("value", "audiences"),
    [
        ("https://a.example", {"https://a.example"}),
        ("https://a.example,x=y", {"https://a.example", "x=y"}),
        ("none", set()),
        ("none,a", {"none", "a"}),
    ],
)
def test_audiences(base: Path, value: str, audiences: set[str]) -> None:
    """What a token must be bound to, by pool; the word none refuses bound tokens."""
    (pool,) = read(base, AUDIENCES=f"{POOL_ID}={value}").pools
    assert pool.audiences == frozenset(audiences)
    assert read(base).pools[0].audiences is None


def test_keys_that_never_expire_are_named_by_pool(base: Path) -> None:
    """Which keys do not age is said with the file that they are in, and of no other pool."""
    settings = read(
        base,
        USER_POOLS=f"{POOL_ID}={CLIENT_ID} {OTHER_POOL}=other",
        JWKS_FILES=f"{OTHER_POOL}=jwks.json",
        NEVER_EXPIRING_JWKS_FILES=f"{POOL_ID}=jwks.json",
    )
    first, second = settings.pools

    assert settings.bundled_keys == {second: Cognito().key_set()}
    assert settings.never_expiring_keys == {first: Cognito().key_set()}


def test_files_are_looked_for_in_the_current_folder(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a base, relative names are relative to where the program runs."""
    monkeypatch.chdir(base)
    assert Settings.from_environment(POOLS).pools


def test_an_absolute_name_is_taken_as_it_is(base: Path, tmp_path: Path) -> None:
    """A base does not change an absolute name."""
    assert read(Path("/nowhere"), POLICY=str(base / "policy.json")).policy.rules == ()


def test_variables_of_others_are_left_alone(base: Path) -> None:
    """Only names that begin like ours are judged."""
    environment = POOLS | {"PATH": "/bin", "authorizer_x": "1", "MY_AUTHORIZER_X": "1"}
    assert Settings.from_environment(environment, base).pools


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        pytest.param(
            {"HTTP_API_ANSWERS": "iam"},
            "AUTHORIZER_HTTP_API_ANSWERS: no such setting; "
            "did you mean AUTHORIZER_HTTP_API_ANSWER?",
            id="misspelt",
        ),
        pytest.param({"ZZZ": "1"}, "AUTHORIZER_ZZZ: no such setting", id="unknown"),
        pytest.param(
            {"USER_POOLS": ""},
            "AUTHORIZER_USER_POOLS: expected <pool id>=<client id>[,<client id>], found nothing",
            id="no pools",
        ),
        pytest.param(
            {"USER_POOLS": f"{POOL_ID}=a {POOL_ID}=b"},
            f"AUTHORIZER_USER_POOLS: expected '{POOL_ID}' once, found it twice",
            id="pool twice",
        ),
        pytest.param(
            {"JWKS_URLS": f"{POOL_ID}=https://a.example/1,https://a.example/2"},
            "AUTHORIZER_JWKS_URLS: expected <pool id>=<value>, "
            f"found '{POOL_ID}=https://a.example/1,https://a.example/…",
            id="two URLs",
        ),
        pytest.param(
            {"JWKS_FILES": f"{POOL_ID}=jwks.json,more.json"},
            "AUTHORIZER_JWKS_FILES: expected <pool id>=<value>, "
            f"found '{POOL_ID}=jwks.json,more.json'",
            id="two files",
        ),
        pytest.param(
            {"ISSUERS": f"{OTHER_POOL}=https://a.example"},
            f"AUTHORIZER_ISSUERS: '{OTHER_POOL}' is not among AUTHORIZER_USER_POOLS",
            id="issuer of another pool",
        ),
        pytest.param(
            {"NEVER_EXPIRING_JWKS_FILES": "true"},
            "AUTHORIZER_NEVER_EXPIRING_JWKS_FILES: expected <pool id>=<value>, found 'true'",
            id="never expiring without a file",
        ),
        pytest.param(
            {
                "NEVER_EXPIRING_JWKS_FILES": f"{POOL_ID}=jwks.json",
                "JWKS_FILES": f"{POOL_ID}=jwks.json",
            },
            "AUTHORIZER_NEVER_EXPIRING_JWKS_FILES: expected it in place of AUTHORIZER_JWKS_FILES, "
            f"found '{POOL_ID}' in both",
            id="never expiring and expiring",
        ),
        pytest.param(
            {"JWKS_FILES": f"{OTHER_POOL}=jwks.json"},
            f"AUTHORIZER_JWKS_FILES: '{OTHER_POOL}' is not among AUTHORIZER_USER_POOLS",
            id="file of another pool",
        ),
        pytest.param(
            {"AUDIENCES": f"{OTHER_POOL}=https://a.example"},
            f"AUTHORIZER_AUDIENCES: '{OTHER_POOL}' is not among AUTHORIZER_USER_POOLS",
            id="audience of another pool",
        ),
        pytest.param(
            {"AUDIENCES": ""},
            "AUTHORIZER_AUDIENCES: expected an entry for each pool of AUTHORIZER_USER_POOLS",
            id="no audience",
        ),
        pytest.param(
            {
                "USER_POOLS": f"{POOL_ID}=a {OTHER_POOL}=b",
                "AUDIENCES": f"{POOL_ID}=https://a.example",
            },
            "AUTHORIZER_AUDIENCES: expected an entry for each pool of AUTHORIZER_USER_POOLS",
            id="audience of one pool of two",
        ),
        pytest.param(
            {"AUDIENCES": f"{POOL_ID}="},
            f"AUTHORIZER_AUDIENCES: expected <pool id>=<value>[,<value>], found '{POOL_ID}='",
            id="no audience",
        ),
        pytest.param(
            {"INSECURE_EMULATOR_HOSTS": ""},
            "expected the name or address of an emulator's host, in small letters and none of "
            "AWS's, found ''",
            id="no host",
        ),
        pytest.param(
            {"INSECURE_EMULATOR_HOSTS": "true"} | {"JWKS_URLS": f"{POOL_ID}=http://10.0.0.1/x"},
            "expected the JWKS URL to be an https URL (http on loopback only) without user, query "
            "or fragment, found 'http://10.0.0.1/x'; for an emulator, see "
            "AUTHORIZER_INSECURE_EMULATOR_HOSTS",
            id="emulator that is not named",
        ),
        pytest.param(
            {"FURTHER_ISSUERS": "https://a.example"},
            "AUTHORIZER_FURTHER_ISSUERS: expected <pool id>=<value>[,<value>], "
            "found 'https://a.example'",
            id="issuer without a pool",
        ),
        pytest.param(
            {"HTTP_API_ANSWER": "IAM"},
            "AUTHORIZER_HTTP_API_ANSWER: expected simple or iam, found 'IAM'",
            id="answer",
        ),
        pytest.param(
            {"HTTP_API_REFUSAL": ""},
            "AUTHORIZER_HTTP_API_REFUSAL: expected deny or unauthorized, found ''",
            id="refusal",
        ),
        pytest.param(
            {"IAM_MODES": "rest=caller"},
            "AUTHORIZER_IAM_MODES: expected <event>=<mode> with one of http-2.0, http-1.0, "
            "rest-request, rest-token, websocket and request or caller, found 'rest=caller'",
            id="event",
        ),
        pytest.param(
            {"IAM_MODES": "rest-token"},
            "AUTHORIZER_IAM_MODES: expected <event>=<mode> with one of http-2.0, http-1.0, "
            "rest-request, rest-token, websocket and request or caller, found 'rest-token'",
            id="no mode",
        ),
        pytest.param(
            {"IAM_MODES": "rest-token=request rest-token=request"},
            "AUTHORIZER_IAM_MODES: expected 'rest-token' once, found it twice",
            id="event twice",
        ),
        pytest.param(
            {"IAM_MODES": "websocket=caller rest-request=caller"},
            "AUTHORIZER_IAM_MODES: expected a policy with the API's routes for mode caller, found "
            "one without: compile it with 'authorizer compile --template template.yaml'",
            id="caller without routes",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    base: Path, environment: dict[str, str], problem: str
) -> None:
    """Each problem names its variable, what was expected, and what was found."""
    assert problem in problems_of(base, **environment)


@pytest.mark.parametrize(
    ("modes", "routes", "callers"),
    [
        pytest.param("", None, {"rest-request", "rest-token"}, id="default"),
        pytest.param("rest-token=request", None, {"rest-request"}, id="one switched off"),
        pytest.param(
            "websocket=caller", None, {"rest-request", "rest-token", "websocket"}, id="connect"
        ),
        pytest.param(
            "http-2.0=caller  http-1.0=caller",
            ("GET /a",),
            {"rest-request", "rest-token", "http-2.0", "http-1.0"},
            id="switched on",
        ),
    ],
)
def test_modes_of_documents(
    base: Path, modes: str, routes: tuple[str, ...] | None, callers: set[str]
) -> None:
    """REST APIs get documents for callers, the others if they are told to; each by itself."""
    (base / "policy.json").write_bytes(dump_policy(NaivePolicy(routes=routes).document()))
    chosen = read(base, IAM_MODES=modes).iam_modes

    assert {flavour for flavour, mode in chosen.items() if mode == "caller"} == callers
    assert len(chosen) == 5


@pytest.mark.parametrize("value", ["", "x", "0", "-1", "nan", "inf", "604800.5", "1e400"])
@pytest.mark.parametrize(
    "name",
    [
        "JWKS_TIME_TO_LIVE_SECONDS",
        "JWKS_STALE_LIMIT_SECONDS",
        "JWKS_COOL_DOWN_SECONDS",
        "JWKS_DEADLINE_SECONDS",
    ],
)
def test_a_time_is_a_number_of_seconds(base: Path, name: str, value: str) -> None:
    """More than none, and at most a week."""
    assert (
        f"AUTHORIZER_{name}: expected seconds, more than 0 and at most 604800, found {value!r}"
        in problems_of(base, **{name: value})
    )


def test_a_week_is_the_longest_time(base: Path) -> None:
    """Just enough, where a second more is too much."""
    settings = read(base, JWKS_STALE_LIMIT_SECONDS="604800")
    assert settings.jwks_timing.stale_limit == timedelta(days=7)


def test_times_must_fit_each_other(base: Path) -> None:
    """Keys cannot be stale before they are old."""
    (problem,) = problems_of(base, JWKS_TIME_TO_LIVE_SECONDS="100", JWKS_STALE_LIMIT_SECONDS="99")
    assert "0:01:40" in problem
    assert "0:01:39" in problem


@pytest.mark.parametrize("name", ["JWKS_FILES", "NEVER_EXPIRING_JWKS_FILES"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param(b"[]", "expected a JWK Set", id="no JWK Set"),
        pytest.param(b'{"keys": []}', "expected a usable RSA signing key, found none", id="empty"),
    ],
)
def test_a_bundled_jwks_must_be_one(
    base: Path, content: bytes | None, message: str, name: str
) -> None:
    """A file that is shipped but of no use is a mistake, and not a fetch at the first request."""
    if content is None:
        (base / "jwks.json").unlink()
    else:
        (base / "jwks.json").write_bytes(content)
    (problem,) = problems_of(base, **{name: f"{POOL_ID}=jwks.json"})

    assert problem.startswith(f"AUTHORIZER_{name}: {base / 'jwks.json'}: ")
    assert message in problem


def test_everything_that_is_wrong_is_told_at_once(base: Path) -> None:
    """One start tells all of it; a pool that is wrong hides nothing else."""
    problems = problems_of(
        base,
        USER_POOLS="nonsense=a! loose",
        ISSUER="x",
        ISSUERS="nonsense=http://example.com",
        JWKS_URLS="nonsense=ftp://example.com",
        JWKS_FILES="nonsense=jwks.json loose",
        POLICY="none.json",
        JWKS_DEADLINE_SECONDS="soon",
        HTTP_API_ANSWER="maybe",
        HTTP_API_REFUSAL="perhaps",
    )
    expected = [
        "AUTHORIZER_ISSUER: no such setting; did you mean AUTHORIZER_ISSUERS?",
        "AUTHORIZER_USER_POOLS: expected <pool id>=<value>[,<value>], found 'loose'",
        "expected a user pool id such as",
        "expected an app client id of letters and digits",
        "expected the issuer to be an https URL",
        "expected the JWKS URL to be an https URL",
        "none.json: cannot be read: No such file or directory",
        "AUTHORIZER_JWKS_FILES: expected <pool id>=<value>, found 'loose'",
        "AUTHORIZER_JWKS_DEADLINE_SECONDS: expected seconds",
        "AUTHORIZER_HTTP_API_ANSWER: expected simple or iam",
        "AUTHORIZER_HTTP_API_REFUSAL: expected deny or unauthorized",
    ]
    assert len(problems) == len(expected)
    assert all(sum(text in problem for problem in problems) == 1 for text in expected)
