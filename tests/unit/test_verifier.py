"""The procedure as a whole: which step refuses first, and what is remembered for how long."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from simulator import (
    CLIENT_ID,
    NOW,
    POOL_ID,
    Clock,
    Cognito,
    all_at_once,
    b64,
    private_key,
    serve_jwks,
    wait_until,
)

from authorizer.errors import (
    ConfigurationError,
    InvalidTokenError,
    KeysUnavailableError,
    Reason,
)
from authorizer.strict_json import MOST_LEVELS
from authorizer.tokens.claims import AccessToken, IdToken
from authorizer.tokens.jwks import JwksCache
from authorizer.tokens.pool import JwksTiming
from authorizer.tokens.verifier import TokenVerifier

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

COGNITO = Cognito()
STALE_LIMIT = 6 * 3600
A_MOMENT = 0.001
NEVER = timedelta(days=10_000)


def refusal(verifier: TokenVerifier, text: str) -> Reason:
    with pytest.raises(InvalidTokenError) as caught:
        verifier.verify(text)
    return caught.value.reason


def test_a_genuine_access_token() -> None:
    """All five steps passed: the caller, as the token tells it."""
    token = COGNITO.verifier(Clock()).verify(COGNITO.token())
    assert type(token) is AccessToken
    assert (token.sub, token.username) == ("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "alice")
    assert token.groups == ("reader",)


def test_a_genuine_id_token_by_name_only() -> None:
    """An ID token is verified for whoever asks for one, and refused everybody else."""
    verifier = COGNITO.verifier(Clock())
    assert refusal(verifier, COGNITO.id_token()) is Reason.TOKEN_USE_WRONG
    token = verifier.verify_id_token(COGNITO.id_token())
    assert type(token) is IdToken
    with pytest.raises(InvalidTokenError) as caught:
        verifier.verify_id_token(COGNITO.token())
    assert caught.value.reason is Reason.TOKEN_USE_WRONG


@pytest.mark.parametrize("remember", [0, 10])
def test_expiry_boundary(remember: int) -> None:
    """Good until just before exp, remembered or not; refused at it and after it."""
    clock = Clock()
    verifier, token = COGNITO.verifier(clock, remember=remember), COGNITO.token(exp=NOW + 100)
    assert verifier.verify(token).groups == ("reader",)
    clock.pass_seconds(100 - A_MOMENT)
    assert verifier.verify(token).groups == ("reader",)
    clock.pass_seconds(A_MOMENT)
    assert refusal(verifier, token) is Reason.EXPIRED
    clock.pass_seconds(A_MOMENT)
    assert refusal(verifier, token) is Reason.EXPIRED


def test_the_first_fault_is_named() -> None:
    """Each step is reached only by what passed the ones before it."""
    header, _, signature = COGNITO.token().split(".")
    expired_id_token = COGNITO.id_claims(exp=NOW - 1)

    def token(kid: str, claims: dict[str, object]) -> str:
        parts = {"alg": "RS256", "kid": kid}, claims
        return ".".join([*(b64(json.dumps(part).encode()) for part in parts), signature])

    with serve_jwks(COGNITO.jwks()) as server:
        verifier = TokenVerifier(COGNITO.pool(jwks_url=server.url), clock=Clock())
        for text, reason in (
            ("!.!", Reason.TOKEN_NOT_COMPACT),
            ("!.!.!", Reason.TOKEN_NOT_BASE64URL),
            ("AA.AA.AA", Reason.HEADER_NOT_JSON),
            (f"{header}.AA.AA", Reason.CLAIMS_NOT_JSON),
            (token("x", {"iss": "x"}), Reason.ISSUER_UNKNOWN),
            (token("x", expired_id_token), Reason.KEY_UNKNOWN),
            (token("access-key", expired_id_token), Reason.SIGNATURE_INVALID),
            (COGNITO.sign(expired_id_token), Reason.EXPIRED),
        ):
            assert refusal(verifier, text) is reason


def test_keys_are_asked_for_after_the_issuer_only() -> None:
    """A token that names nobody we know costs no fetch, and needs no server to be refused."""
    with serve_jwks(COGNITO.jwks()) as server:
        clock = Clock()
        pool = COGNITO.pool(jwks_url=server.url)
        verifier = TokenVerifier(pool, clock=clock)
        assert refusal(verifier, COGNITO.token(iss="https://evil.example")) is Reason.ISSUER_UNKNOWN
        assert server.fetches == 0
        assert verifier.verify(COGNITO.token()).pool_id == POOL_ID
        assert verifier.keys.statistics().fetches == server.fetches == 1


@pytest.mark.parametrize("remember", [0, 10])
def test_keys_out_of_reach_are_no_refusal(remember: int) -> None:
    """A genuine token that cannot be judged is our failure: an error of its own."""
    with serve_jwks(COGNITO.jwks()) as server:
        clock = Clock()
        pool = COGNITO.pool(jwks_url=server.url)
        verifier = TokenVerifier(pool, clock=clock, remember=remember)
        token = COGNITO.token(exp=NOW + 10**6)
        verifier.verify(token)
        server.status = 500
        clock.pass_seconds(6 * 3600)
        with pytest.raises(KeysUnavailableError):
            verifier.verify(token)
        server.status = 200
        clock.pass_seconds(1)
        assert verifier.verify(token).username == "alice"


@pytest.mark.parametrize("remembered", [False, True])
def test_a_token_that_expires_while_keys_are_fetched(remembered: bool) -> None:  # noqa: FBT001
    """Fetching may take until the deadline; exp is judged at the end of it and gets no leeway."""
    clock = Clock()
    with serve_jwks(COGNITO.jwks()) as server:
        pool = COGNITO.pool(jwks_url=server.url)
        verifier = TokenVerifier(pool, clock=clock)
        token = COGNITO.token(exp=NOW + STALE_LIMIT + 1)
        if remembered:
            verifier.verify(token)
        clock.pass_seconds(STALE_LIMIT)

        def slowly(handler: BaseHTTPRequestHandler) -> None:
            clock.pass_seconds(1)
            server.respond = None
            server.answer(handler)

        server.respond = slowly
        assert refusal(verifier, token) is Reason.EXPIRED


def test_a_remembered_token_is_the_same_object() -> None:
    """A busy caller costs a lookup: the verdict is made once."""
    verifier, token = COGNITO.verifier(Clock()), COGNITO.token()
    assert verifier.verify(token) is verifier.verify(token)


def test_remembering_can_be_switched_off() -> None:
    """With no memory each call judges anew, to the same end."""
    verifier, token = COGNITO.verifier(Clock(), remember=0), COGNITO.token()
    assert verifier.verify(token) == verifier.verify(token)
    assert verifier.verify(token) is not verifier.verify(token)


def test_refusals_are_not_remembered() -> None:
    """A token that comes too early is good later; and a flood of bad ones fills nothing."""
    clock = Clock()
    verifier, token = COGNITO.verifier(clock), COGNITO.token(nbf=NOW + 61)
    assert refusal(verifier, token) is Reason.NOT_YET_VALID
    clock.pass_seconds(1)
    assert verifier.verify(token).username == "alice"
    for signature in range(256, 512):
        forged = f"{token.rpartition('.')[0]}.{b64(signature.to_bytes(2))}"
        assert refusal(verifier, forged) is Reason.SIGNATURE_INVALID
    assert len(verifier._verified) == 1


def test_the_memory_is_bounded() -> None:
    """However many genuine tokens come, no more are kept than was said."""
    verifier = COGNITO.verifier(Clock(), remember=3)
    for number in range(10):
        verifier.verify(COGNITO.token(jti=f"number {number}"))
    assert len(verifier._verified) == 3


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    """Whose token came again a moment ago is remembered; of the others, the first one goes."""
    verifier = COGNITO.verifier(Clock(), remember=3)
    texts = [COGNITO.token(jti=f"number {number}") for number in range(4)]
    first, second, third = (verifier.verify(text) for text in texts[:3])
    assert verifier.verify(texts[0]) is first
    verifier.verify(texts[3])
    assert [verifier.verify(texts[number]) for number in (0, 2)] == [first, third]
    assert (verifier.verify(texts[0]), verifier.verify(texts[2])) == (first, third)
    assert verifier.verify(texts[0]) is first
    assert verifier.verify(texts[2]) is third
    assert verifier.verify(texts[1]) is not second


@pytest.mark.parametrize("capacity", [0, 1])
def test_the_smallest_memories(capacity: int) -> None:
    """One token is remembered until another comes; or none is at all."""
    verifier = COGNITO.verifier(Clock(), remember=capacity)
    texts = [COGNITO.token(jti=jti) for jti in "ab"]
    first = verifier.verify(texts[0])
    assert (verifier.verify(texts[0]) is first) is bool(capacity)
    second = verifier.verify(texts[1])
    assert (verifier.verify(texts[1]) is second) is bool(capacity)
    assert verifier.verify(texts[0]) is not first
    assert len(verifier._verified) == capacity


def test_a_remembered_token_is_good_for_its_use_only() -> None:
    """What was remembered as an ID token is refused as an access token, and the reverse."""
    verifier = COGNITO.verifier(Clock())
    access, identity = COGNITO.token(), COGNITO.id_token()
    verifier.verify(access)
    verifier.verify_id_token(identity)
    assert refusal(verifier, identity) is Reason.TOKEN_USE_WRONG
    with pytest.raises(InvalidTokenError, match="expected token_use 'id', found 'access'"):
        verifier.verify_id_token(access)
    assert len(verifier._verified) == 2


@pytest.mark.parametrize("other", [" ", "=", "B", "\0"])
def test_another_spelling_is_another_token(other: str) -> None:
    """Whatever is put after or before a remembered token makes it one that is not remembered."""
    verifier, token = COGNITO.verifier(Clock()), COGNITO.token()
    verifier.verify(token)
    for text in (token + other, other + token):
        assert refusal(verifier, text) in {Reason.TOKEN_NOT_BASE64URL, Reason.HEADER_NOT_JSON}


def test_the_memory_holds_no_token_text() -> None:
    """A memory dump shows verdicts, but nothing that could be sent as a bearer token."""
    verifier, token = COGNITO.verifier(Clock()), COGNITO.token()
    verifier.verify(token)
    ((_, digest),) = verifier._verified
    assert len(digest) == 32
    assert digest not in token.encode()
    assert token.rpartition(".")[2] not in repr(verifier._verified)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nbf": NOW + 60}, Reason.NOT_YET_VALID),
        ({"iat": NOW + 60}, Reason.ISSUED_IN_THE_FUTURE),
    ],
)
def test_a_remembered_token_when_the_clock_goes_back(
    claims: dict[str, int], reason: Reason
) -> None:
    """A verdict says nothing about times before it: then, all of the claims are judged again."""
    clock = Clock()
    verifier, token = COGNITO.verifier(clock), COGNITO.token(**claims)
    assert verifier.verify(token).username == "alice"
    clock.pass_seconds(-A_MOMENT)
    assert refusal(verifier, token) is reason
    clock.pass_seconds(A_MOMENT)
    assert verifier.verify(token).username == "alice"


def test_an_expired_token_leaves_the_memory() -> None:
    """What cannot be good again is dropped when it is seen."""
    clock = Clock()
    verifier, token = COGNITO.verifier(clock), COGNITO.token(exp=NOW + 1)
    verifier.verify(token)
    clock.pass_seconds(1)
    assert refusal(verifier, token) is Reason.EXPIRED
    assert len(verifier._verified) == 0


def test_what_one_verifier_remembers_is_nothing_to_another() -> None:
    """With other settings a token is judged by those, whoever has met it before."""
    token, clock = COGNITO.token(), Clock()
    assert COGNITO.verifier(clock).verify(token).username == "alice"
    other = Cognito(client_id="another").verifier(clock)
    assert refusal(other, token) is Reason.CLIENT_UNKNOWN
    bound = COGNITO.verifier(clock, audiences=["https://api.example"])
    assert refusal(bound, token) is Reason.AUDIENCE_WRONG
    keyless = Cognito(keys={"access-key": private_key("other")}).verifier(clock)
    assert refusal(keyless, token) is Reason.SIGNATURE_INVALID


def test_a_header_that_was_seen_says_nothing_of_the_rest() -> None:
    """The header of a good token, remembered as text, carries no other payload or signature."""
    verifier = COGNITO.verifier(Clock())
    header, payload, signature = COGNITO.token().split(".")
    verifier.verify(f"{header}.{payload}.{signature}")
    other = b64(json.dumps(COGNITO.claims(username="mallory")).encode())
    assert refusal(verifier, f"{header}.{other}.{signature}") is Reason.SIGNATURE_INVALID
    assert refusal(verifier, f"{header}=.{payload}.{signature}") is Reason.TOKEN_NOT_BASE64URL
    assert refusal(verifier, f"{header}.{payload}.{signature}=") is Reason.TOKEN_NOT_BASE64URL


def test_many_threads_one_token() -> None:
    """Verifying at the same time gives everybody the same verdict."""
    with serve_jwks(COGNITO.jwks()) as server:
        verifier = TokenVerifier(COGNITO.pool(jwks_url=server.url), clock=Clock())
        text = COGNITO.token()
        tokens = all_at_once(50, lambda: verifier.verify(text))
        assert tokens == [verifier.verify(text)] * 50
        assert server.fetches == 1


# --- several pools ---


def test_each_pool_vouches_for_its_own() -> None:
    """A verifier of two pools tells them apart by issuer, with keys and clients of each."""
    other = Cognito("us-east-1_Other", "otherclient", {"access-key": private_key("other")})
    keys = JwksCache(
        bundled={COGNITO.pool(): COGNITO.key_set(), other.pool(): other.key_set()}, clock=Clock()
    )
    verifier = TokenVerifier([COGNITO.pool(), other.pool()], keys=keys, clock=Clock())
    assert verifier.verify(COGNITO.token()).pool_id == POOL_ID
    assert verifier.verify(other.token()).pool_id == "us-east-1_Other"
    for text, reason in (
        (other.token(iss=COGNITO.issuer), Reason.SIGNATURE_INVALID),
        (COGNITO.token(iss=other.issuer), Reason.SIGNATURE_INVALID),
        (other.token(client_id=CLIENT_ID), Reason.CLIENT_UNKNOWN),
        (COGNITO.token(client_id="otherclient"), Reason.CLIENT_UNKNOWN),
    ):
        assert refusal(verifier, text) is reason


def test_one_pool_down_leaves_the_other() -> None:
    """Tokens of a pool whose keys are known do not suffer from another pool's outage."""
    other = Cognito("us-east-1_Other", keys={"access-key": private_key("other")})
    with serve_jwks(other.jwks(), status=500) as server:
        pools = [COGNITO.pool(), other.pool(jwks_url=server.url)]
        keys = JwksCache(bundled={pools[0]: COGNITO.key_set()}, clock=Clock())
        verifier = TokenVerifier(pools, keys=keys, clock=Clock())
        with pytest.raises(KeysUnavailableError):
            verifier.verify(other.token())
        assert verifier.verify(COGNITO.token()).pool_id == POOL_ID


def test_needs_a_pool() -> None:
    """A verifier that trusts nobody is a mistake in the configuration."""
    with pytest.raises(ConfigurationError) as caught:
        TokenVerifier([])
    assert caught.value.problems == ("expected at least one user pool, found none",)


def test_pools_may_not_share_an_issuer() -> None:
    """Which keys would judge its tokens, and which clients, could not be told."""
    replica = Cognito("us-east-1_Other").pool(further_issuers=[COGNITO.issuer])
    with pytest.raises(ConfigurationError) as caught:
        TokenVerifier([COGNITO.pool(), replica])
    assert caught.value.problems == (
        f"expected one user pool per issuer, found {COGNITO.issuer!r} in two",
    )


def test_pools_from_any_iterable() -> None:
    """One pool, a list, or what is consumed by reading it."""
    for pools in (COGNITO.pool(), [COGNITO.pool()], iter([COGNITO.pool()])):
        verifier = TokenVerifier(pools, clock=Clock())
        assert refusal(verifier, COGNITO.token(iss="x")) is Reason.ISSUER_UNKNOWN


# --- the key that leaves ---


def refreshed(verifier: TokenVerifier) -> None:
    """Wait for the fetch that goes on in the background."""
    (state,) = verifier.keys._pools.values()
    wait_until(lambda: state._fetch is None)


def test_a_withdrawn_key_takes_its_tokens_with_it() -> None:
    """What is remembered falls with the key: after the refresh the token is judged anew."""
    clock, cognito = Clock(), Cognito()
    with serve_jwks(cognito.jwks()) as server:
        pool = cognito.pool(jwks_url=server.url)
        verifier = TokenVerifier(pool, clock=clock)
        token = cognito.token(exp=NOW + 10**6)
        verifier.verify(token)
        del cognito.keys["access-key"]
        server.body = cognito.jwks()
        clock.pass_seconds(3600 - A_MOMENT)
        assert verifier.verify(token).username == "alice"
        clock.pass_seconds(A_MOMENT)
        assert verifier.verify(token).username == "alice"  # and the keys are being refreshed
        refreshed(verifier)
        assert refusal(verifier, token) is Reason.KEY_UNKNOWN
        assert len(verifier._verified) == 0


def test_a_replaced_key_takes_its_tokens_with_it() -> None:
    """The same kid over another modulus is another key."""
    clock, cognito = Clock(), Cognito()
    with serve_jwks(cognito.jwks()) as server:
        verifier = TokenVerifier(cognito.pool(jwks_url=server.url), clock=clock)
        token = cognito.token(exp=NOW + 10**6)
        verifier.verify(token)
        cognito.keys["access-key"] = private_key("other")
        server.body = cognito.jwks()
        clock.pass_seconds(3600)
        verifier.verify(token)
        refreshed(verifier)
        assert refusal(verifier, token) is Reason.SIGNATURE_INVALID


def test_a_refreshed_key_keeps_its_tokens() -> None:
    """The same key, fetched again, vouches for what it vouched for."""
    clock = Clock()
    with serve_jwks(COGNITO.jwks()) as server:
        verifier = TokenVerifier(COGNITO.pool(jwks_url=server.url), clock=clock)
        token = COGNITO.token(exp=NOW + 10**6)
        before = verifier.verify(token)
        clock.pass_seconds(3600)
        assert verifier.verify(token) is before
        refreshed(verifier)
        assert verifier.verify(token) is before
        assert server.fetches == 2


def test_the_deepest_claims() -> None:
    """A genuine token nests as deep as we say and not as Python can: it is copied, or refused."""
    claims = json.dumps(COGNITO.claims()).encode()[:-1]
    verifier = COGNITO.verifier(Clock())
    for depth in (MOST_LEVELS - 1, MOST_LEVELS, 500, 3_000):
        text = COGNITO.sign(claims + b',"deep":' + b"[" * depth + b"]" * depth + b"}")
        if depth < MOST_LEVELS:
            assert str(verifier.verify(text).claims["deep"]).count("(") == depth
            continue
        with pytest.raises(InvalidTokenError, match="nested too deeply") as caught:
            verifier.verify(text)
        assert caught.value.reason is Reason.CLAIMS_NOT_JSON


def test_timing_reaches_the_cache() -> None:
    """A verifier runs on the cache that it is given."""
    keys = JwksCache(timing=JwksTiming(time_to_live=NEVER, stale_limit=NEVER), clock=Clock())
    assert TokenVerifier(COGNITO.pool(), keys=keys).keys is keys


@pytest.mark.parametrize("remember", [-1, pytest.param(-(10**5_000), id="huge"), 0])
def test_the_least_that_can_be_remembered_is_nothing(remember: int) -> None:
    """Remembering fewer tokens than none is a mistake, and said to be one."""
    if remember < 0:
        with pytest.raises(ConfigurationError, match="expected remember to be 0 or more, found "):
            TokenVerifier(COGNITO.pool(), remember=remember)
    else:
        TokenVerifier(COGNITO.pool(), remember=remember)
