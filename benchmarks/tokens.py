"""``python -m benchmarks.tokens``: what a token costs, and an event, beside bare RSA.

Everything is measured in turns in one process, as the decisions are. The unit is what nobody can
leave out: ``cryptography`` verifying the same tokens' signatures, the key prepared. Nothing is
timed that was not found right just before, and whoever refuses is timed refusing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Thread
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from authorizer import (
    Authorizer,
    InvalidTokenError,
    JwksCache,
    JwksTiming,
    KeySet,
    Policy,
    Reason,
    TokenVerifier,
    UserPool,
)
from authorizer.cli.policy_file import compiled_rule, dump_policy
from authorizer.gateway.events import Flavour
from authorizer.settings import HttpApiAnswer, IamMode
from authorizer.tokens.claims import judge_claims
from authorizer.tokens.compact import parse_compact, parse_part, require_bounded_ascii
from benchmarks import documents, report
from benchmarks.timing import alternate, compare, without_collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.timing import Figure

    Calls = list[Callable[[], object]]

UNIT = "the bare RSA verification"
# More than the smaller memory holds: a verifier meets each as if for the first time.
TOKENS = 256
_FEW = 64
_REPEATS = 31
_POOL_ID = "eu-west-1_Benchmark"
_CLIENT_ID = "4k2benchmarkclient"
_EVENTS = Path(__file__).parents[1] / "events"
# Of an API whose routes are known. The sample of a WebSocket API is an allowed one here.
_SAMPLES = {
    Flavour.HTTP_2: "http-2.0-allowed",
    Flavour.HTTP_1: "http-1.0-allowed",
    Flavour.REST_REQUEST: "rest-request-allowed",
    Flavour.REST_TOKEN: "rest-token-allowed",
    Flavour.WEBSOCKET: "websocket-denied-by-role",
}
_PLACEHOLDER = "REPLACE_WITH_ACCESS_TOKEN"
_GROUPS = ("reader", "eu-west-1_pool_SAML")
# Of a caller who gets a document for all that they may do, and of the APIs that it is for.
_MANY_GROUPS = (*_GROUPS, "editor", "admin")
_API_SIZES = (25, 300)


class WrongVerdictError(Exception):
    """A verifier accepts or refuses what it should not: its time would mean nothing."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A pool as seen from outside: one key, and tokens as Cognito makes them."""

    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    issuer: str = f"https://cognito-idp.eu-west-1.amazonaws.com/{_POOL_ID}"

    def token(
        self,
        groups: Sequence[str] = _GROUPS,
        *,
        claims: Mapping[str, Any] | None = None,
        **header: str,
    ) -> str:
        """A user's access token, with other claims, and members of its header replaced.

        A claim that is ``None`` is left out.
        """
        now = int(time.time())
        usual = {
            "sub": str(uuid.uuid4()),
            "cognito:groups": groups,
            "iss": self.issuer,
            "client_id": _CLIENT_ID,
            "origin_jti": str(uuid.uuid4()),
            "event_id": str(uuid.uuid4()),
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": now,
            "exp": now + 24 * 3600,
            "iat": now,
            "jti": str(uuid.uuid4()),
            "username": "user",
        }
        said = {name: one for name, one in (usual | dict(claims or {})).items() if one is not None}
        parts = ({"kid": "benchmark", "alg": "RS256"} | header, said)
        signing_input = ".".join(_b64(json.dumps(part).encode()) for part in parts)
        signature = self.key.sign(signing_input.encode(), padding.PKCS1v15(), SHA256())
        return f"{signing_input}.{_b64(signature)}"

    def jwks(self) -> dict[str, Any]:
        """What the pool publishes."""
        numbers = self.key.public_key().public_numbers()
        n, e = (_b64(one.to_bytes((one.bit_length() + 7) // 8)) for one in (numbers.n, numbers.e))
        jwk = {"kid": "benchmark", "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e}
        return {"keys": [jwk]}


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def measure(*, repeats: int) -> dict[str, dict[str, Figure]]:
    """All figures, by what was asked and by who was asked."""
    issuer = Issuer()
    tokens = [issuer.token() for _ in range(TOKENS)]
    bare: Calls = [_bare(issuer, token) for token in tokens]
    parts: dict[str, dict[str, Calls]] = {
        "a new token": {"**authorizer**": ours(issuer, tokens, remember=_FEW)}
        | peers(issuer, tokens),
        "a new token, step by step": steps(issuer, tokens),
        "the verifier otherwise": {
            "a remembered token": ours(issuer, tokens[:_FEW], remember=TOKENS),
            **refusals(issuer),
        },
        "a whole event, with a remembered token": {
            **events(issuer, tokens[:_FEW]),
            **events_for_callers(issuer),
        },
    }
    found = {}
    for title, contenders in parts.items():
        with without_collector():
            figures = compare({**contenders, UNIT: bare}, unit=UNIT, repeats=repeats)
        found[title] = {name: figures[name] for name in contenders} | {UNIT: figures[UNIT]}
    title, contenders = next(iter(parts.items()))
    with without_collector():
        between = alternate({**contenders, UNIT: bare}, bare, repeats=repeats)
    found[f"{title}, between two bare verifications"] = between
    return found


def _bare(issuer: Issuer, token: str) -> Callable[[], object]:
    signing_input, _, encoded = token.rpartition(".")
    signature, message = urlsafe_b64decode(encoded + "=="), signing_input.encode()
    verify = issuer.key.public_key().verify
    return lambda: verify(signature, message, padding.PKCS1v15(), SHA256())


def verifier(issuer: Issuer, *, remember: int, jwks_url: str | None = None) -> TokenVerifier:
    """Ours, with the pool's keys at hand, and told of a key that is not among them once a day."""
    pool = UserPool(_POOL_ID, [_CLIENT_ID], jwks_url=jwks_url)
    keys = JwksCache(
        timing=JwksTiming(cool_down=timedelta(days=1)),
        bundled={pool: KeySet.parse(json.dumps(issuer.jwks()).encode())},
    )
    return TokenVerifier(pool, keys=keys, remember=remember)


def ours(issuer: Issuer, tokens: Sequence[str], *, remember: int) -> Calls:
    """Verifying tokens, all of them met before; they are remembered, if they fit.

    Raises:
        InvalidTokenError: never, unless something is wrong.
    """
    verify = verifier(issuer, remember=remember).verify
    for token in tokens:
        verify(token)
    return [partial(verify, token) for token in tokens]


def _digest(text: bytes) -> bytes:
    return sha256(text).digest()


def steps(issuer: Issuer, tokens: Sequence[str]) -> dict[str, Calls]:
    """What verifying a new token is made of; each step alone, which flatters it."""
    pool = UserPool(_POOL_ID, [_CLIENT_ID])
    keys, now = verifier(issuer, remember=0).keys.of(pool), time.time()
    key = keys.get("benchmark")
    if key is None:
        raise WrongVerdictError("expected the key that was bundled")
    texts = [require_bounded_ascii(token) for token in tokens]
    parts = [parse_compact(text) for text in texts]
    claims = [parse_part(payload, "claims", Reason.CLAIMS_NOT_JSON) for _, payload, _, _ in parts]
    remembered = LRUCache[bytes, bytes](_FEW)
    return {
        "its digest, which it is remembered by": [partial(_digest, text) for text in texts],
        "1, 2: shape and header": [partial(parse_compact, text) for text in texts],
        "3: the payload's JSON": [
            partial(parse_part, payload, "claims", Reason.CLAIMS_NOT_JSON)
            for _, payload, _, _ in parts
        ],
        "3: the key": [partial(keys.get, "benchmark")],
        "4: the signature": [
            partial(key.verifies, signing_input, signature)
            for _, _, signing_input, signature in parts
        ],
        "5: the claims": [partial(judge_claims, one, pool, now, "access") for one in claims],
        "remembering one, and forgetting another": [
            partial(remembered.__setitem__, _digest(text), text) for text in texts
        ],
    }


def refusals(issuer: Issuer) -> dict[str, Calls]:
    """Refusing what needs no signature to be refused, and fetching nothing for it."""
    asked = {
        "garbage": ("garbage", Reason.TOKEN_NOT_COMPACT),
        "a wrong `alg`": (issuer.token(alg="HS256"), Reason.ALGORITHM_NOT_ALLOWED),
        "an unknown `kid`, in the cool-down": (issuer.token(kid="other"), Reason.KEY_UNKNOWN),
    }
    handler = jwks_handler(json.dumps(issuer.jwks()).encode())
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        ours = verifier(issuer, remember=TOKENS, jwks_url=url)
        thread = Thread(target=server.handle_request)
        thread.start()
        calls = {name: _refusal(ours, *what) for name, what in asked.items()}
        thread.join()
    fetches = ours.keys.statistics().fetches
    for call in calls.values():
        call()
    if ours.keys.statistics().fetches != fetches:
        raise WrongVerdictError("refusing has fetched keys")
    return {name: [call] for name, call in calls.items()}


def jwks_handler(body: bytes) -> type[BaseHTTPRequestHandler]:
    """What answers each request with a JWK Set."""

    class Jwks(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Jwks


def _refusal(ours: TokenVerifier, token: str, reason: Reason) -> Callable[[], object]:
    def refused() -> Reason | None:
        try:
            ours.verify(token)
        except InvalidTokenError as error:
            return error.reason
        return None

    if refused() is not reason:
        raise WrongVerdictError(f"expected {reason}")
    return refused


def events(issuer: Issuer, tokens: Sequence[str]) -> dict[str, Calls]:
    """``Authorizer.authorize``, a document for the request alone, for events of every kind."""
    rules = ("GET /articles/{id}", "$connect")
    group = {"includes": [], "allow": [compiled_rule(rule, 1) for rule in rules], "deny": []}
    document = {
        "groups": {"reader": group},
        "scopes": {},
        "public": [],
        "routes": [*rules, "GET /articles", "POST /articles"],
        "callers": None,
    }
    policy = Policy.parse(dump_policy(document))
    found: dict[str, Calls] = {}
    for answer in HttpApiAnswer:
        authorizer = Authorizer(
            verifier(issuer, remember=TOKENS),
            policy,
            http_api_answer=answer,
            iam_modes=dict.fromkeys(Flavour, IamMode.REQUEST),
        )
        for flavour, sample in _SAMPLES.items():
            if answer is HttpApiAnswer.IAM and flavour is not Flavour.HTTP_2:
                continue
            text = (_EVENTS / f"{sample}.json").read_text(encoding="utf-8")
            asked = [json.loads(text.replace(_PLACEHOLDER, token)) for token in tokens]
            for event in asked:
                if authorizer.judge(event).reason is not None:
                    raise WrongVerdictError(f"expected {sample} to be allowed")
            name = f"{flavour}, {answer}" if flavour is Flavour.HTTP_2 else flavour.value
            found[name] = [partial(authorizer.authorize, event) for event in asked]
    return dict(sorted(found.items()))


def events_for_callers(issuer: Issuer) -> dict[str, Calls]:
    """The same for a REST API, a document for all that a caller of four groups may do."""
    tokens = [issuer.token(_MANY_GROUPS) for _ in range(_FEW)]
    text = (_EVENTS / f"{_SAMPLES[Flavour.REST_REQUEST]}.json").read_text(encoding="utf-8")
    found: dict[str, Calls] = {}
    for size in _API_SIZES:
        policy = documents.made(size).policy
        authorizer = Authorizer(verifier(issuer, remember=TOKENS), policy)
        below = text.replace("/articles", "/app-0/articles")
        asked = [json.loads(below.replace(_PLACEHOLDER, token)) for token in tokens]
        for event in asked:
            outcome = authorizer.judge(event)
            if outcome.reason is not None or outcome.iam_mode is not IamMode.CALLER:
                raise WrongVerdictError(f"expected a document for a caller of {size} routes")
        name = f"{Flavour.REST_REQUEST}, for all of a caller's, {size} routes"
        found[name] = [partial(authorizer.authorize, event) for event in asked]
    return found


def peers(issuer: Issuer, tokens: Iterable[str]) -> dict[str, Calls]:
    """Each library's own fastest documented way, where it is installed.

    All check the signature and ``exp``; the general ones ``iss`` as well, and cognitojwt the client
    in its place. None of them insists on a ``token_use``, or on a text that has one meaning.
    """
    known: dict[str, Callable[[Issuer], Callable[[str], object]]] = {
        "joserfc": _joserfc,
        "authlib": _authlib,
        "jwt": _pyjwt,
        "jose": partial(_jose, prepared=True),
        "jose, keys as published": partial(_jose, prepared=False),
        "cognitojwt, keys in a file": _cognitojwt,
    }
    found: dict[str, Calls] = {}
    forged = Issuer().token()  # by another key of the same name
    for name, make in known.items():
        package, _, how = name.partition(", ")
        if find_spec(package) is not None:
            verify = make(issuer)
            title = {"jwt": "PyJWT", "jose": "python-jose"}.get(package, package)
            calls: Calls = [partial(verify, token) for token in tokens]
            for call in islice(calls, 3):
                call()
            if _accepts(verify, forged):
                raise WrongVerdictError(f"{title} accepts a forged token")
            found[f"{title}, {how or 'prepared key'}"] = calls
    return found


def _accepts(verify: Callable[[str], object], token: str) -> bool:
    try:
        verify(token)
    except Exception:  # noqa: BLE001 - each library has errors of its own
        return False
    return True


def _pyjwt(issuer: Issuer) -> Callable[[str], object]:
    return partial(
        import_module("jwt").decode,
        key=issuer.key.public_key(),
        algorithms=["RS256"],
        issuer=issuer.issuer,
        options={"require": ["exp"], "verify_aud": False},
    )


def _joserfc(issuer: Issuer) -> Callable[[str], object]:
    jwt, jwk = import_module("joserfc.jwt"), import_module("joserfc.jwk")
    key = jwk.RSAKey.import_key(issuer.jwks()["keys"][0])
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer.issuer}, exp={"essential": True}
    )
    return lambda token: registry.validate(jwt.decode(token, key, algorithms=["RS256"]).claims)


def _authlib(issuer: Issuer) -> Callable[[str], object]:
    jose = import_module("authlib.jose")  # it warns that joserfc is its successor
    decoder, key = (
        jose.JsonWebToken(["RS256"]),
        jose.JsonWebKey.import_key(issuer.jwks()["keys"][0]),
    )
    options = {"iss": {"essential": True, "value": issuer.issuer}, "exp": {"essential": True}}
    return lambda token: decoder.decode(token, key, claims_options=options).validate()


def _jose(issuer: Issuer, *, prepared: bool) -> Callable[[str], object]:
    jwk = issuer.jwks()["keys"][0]
    return partial(
        import_module("jose.jwt").decode,
        key=import_module("jose.jwk").construct(jwk) if prepared else issuer.jwks(),
        algorithms=["RS256"],
        issuer=issuer.issuer,
        options={"verify_aud": False, "require_exp": True},
    )


def _cognitojwt(issuer: Issuer) -> Callable[[str], object]:
    """Its documented way without a network; what it has read once, it remembers."""
    cognitojwt = import_module("cognitojwt")
    region, _, _ = _POOL_ID.partition("_")
    decode = partial(
        cognitojwt.decode, region=region, userpool_id=_POOL_ID, app_client_id=_CLIENT_ID
    )
    with NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(issuer.jwks(), file)
        file.flush()
        os.environ["AWS_COGNITO_JWKS_PATH"] = file.name
        decode(issuer.token())
    return decode


def page(found: Mapping[str, Mapping[str, Figure]], *, repeats: int) -> str:
    """The figures as Markdown."""
    unit = next(iter(found.values()))[UNIT]
    head = f"{report.machine()}; medians of {repeats} rounds. 1 is {UNIT}: {report.span(unit)}."
    tables = [
        f"#### {title}\n\n"
        + report.table([title, ""], ([name, report.cell(one)] for name, one in figures.items()))
        for title, figures in found.items()
    ]
    return "\n\n".join([head, *tables])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tokens", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_REPEATS, help="rounds to take medians of")
    parser.add_argument("--readme", type=Path, help="a file to put the figures into")
    options = parser.parse_args(arguments)
    text = page(measure(repeats=options.rounds), repeats=options.rounds)
    sys.stdout.write(text + "\n")
    if options.readme:
        report.put_into(options.readme, text, part="figures of tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
