"""The Lambda entry point, with the real logger, the real metrics and real keys."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from api_gateway import ARN, FLAVOURS, Call
from dynamodb_standin import serve_table
from simulator import CLIENT_ID, POOL_ID, Cognito, serve_jwks, wait_until

from authorizer import (
    ConfigurationError,
    KeysUnavailableError,
    MalformedRequestError,
    RevocationsUnavailableError,
    UnauthorizedError,
)
from authorizer.cli.policy_file import load_document

COGNITO = Cognito()
POLICY_YAML = """\
version: 1
groups:
  reader:
    allow:
      - "GET /articles/{id}"
      - $connect
  suspended:
    deny:
      - ANY /**
"""
SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
_numbers = count()


@dataclass(frozen=True)
class LambdaContext:
    aws_request_id: str = "invocation-1"
    function_name: str = "authorizer"


@dataclass
class Deployed:
    """The handler's module, as a sandbox has it, and what it wrote."""

    module: ModuleType
    captured: pytest.CaptureFixture[str]
    written: str = ""
    logged: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    emf: dict[str, Any] = field(default_factory=dict)

    def invoke(self, event: object) -> dict[str, Any]:
        """One invocation, through JSON in both directions, as Lambda does it."""
        try:
            answer = self.module.handler(json.loads(json.dumps(event)), LambdaContext())
        finally:
            self._read()
        return dict(json.loads(json.dumps(answer)))

    def _read(self) -> None:
        out, err = self.captured.readouterr()
        self.written = out + err
        lines = [json.loads(line) for line in out.splitlines()]
        self.logged = [line for line in lines if "_aws" not in line]
        (self.emf,) = (line for line in lines if "_aws" in line)
        (description,) = self.emf["_aws"]["CloudWatchMetrics"]
        self.metrics = {
            metric["Name"]: sum(self.emf[metric["Name"]]) for metric in description["Metrics"]
        }


Deploy = Callable[..., Deployed]


@pytest.fixture
def deploy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Deploy]:
    """A new sandbox: environment set, package in place, module imported."""
    (tmp_path / "policy.yaml").write_text(POLICY_YAML)
    compiled, _ = load_document(tmp_path / "policy.yaml")
    (tmp_path / "policy.json").write_bytes(compiled)
    (tmp_path / "jwks.json").write_bytes(COGNITO.jwks())

    def deploy(**environment: str) -> Deployed:
        defaults = {
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "AUTHORIZER_USER_POOLS": f"{POOL_ID}={CLIENT_ID}",
            "AUTHORIZER_JWKS_FILES": f"{POOL_ID}=jwks.json",
            # Powertools keeps one logger per service, and that one the stream of its first use.
            "POWERTOOLS_SERVICE_NAME": f"authorizer-{next(_numbers)}",
            "POWERTOOLS_METRICS_NAMESPACE": "Tests",
        }
        for name, value in (defaults | environment).items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("authorizer.aws_lambda", None)
        return Deployed(importlib.import_module("authorizer.aws_lambda"), capsys)

    yield deploy
    sys.modules.pop("authorizer.aws_lambda", None)


def live_token(**changes: Any) -> str:
    """A token for the real clock, which the handler goes by."""
    now = int(time.time())
    return COGNITO.token(**({"iat": now - 60, "auth_time": now - 60, "exp": now + 3540} | changes))


def event_of(flavour: str, token: str | None, **call: Any) -> dict[str, Any]:
    authorization = None if token is None else f"Bearer {token}"
    return FLAVOURS[flavour](Call(authorization=authorization, **call))


def test_the_samples_function_is_the_packages(deploy: Deploy) -> None:
    """It adds nothing to it: it is where one's own would stand."""
    module = deploy().module
    sys.modules.pop("handlers.authorize", None)
    assert importlib.import_module("handlers.authorize").handler is module.handler


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_allowed_call_gets_the_answer_of_its_flavour(deploy: Deploy, flavour: str) -> None:
    """Exactly the names that API Gateway reads, and a context of texts."""
    answer = deploy().invoke(event_of(flavour, live_token()))

    if flavour == "http-2.0":
        assert set(answer) == {"isAuthorized", "context"}
        assert answer["isAuthorized"] is True
    else:
        assert set(answer) == {"principalId", "policyDocument", "context"}
        assert answer["principalId"] == SUB
        (statement,) = answer["policyDocument"]["Statement"]
        assert statement["Effect"] == "Allow"
        assert statement["Resource"].startswith(ARN)
    assert answer["context"]["sub"] == SUB
    assert all(isinstance(value, str) for value in answer["context"].values())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_denied_call_gets_a_403(deploy: Deploy, flavour: str) -> None:
    """A good token without a grant is answered, in words that become a 403."""
    answer = deploy().invoke(event_of(flavour, live_token(cognito_groups=["nobody"])))

    if flavour == "http-2.0":
        assert answer == {"isAuthorized": False, "context": {}}
    else:
        (statement,) = answer["policyDocument"]["Statement"]
        assert (statement["Effect"], answer["context"]) == ("Deny", {})


@pytest.mark.parametrize("flavour", ["rest-request", "rest-token", "websocket"])
def test_a_refused_call_raises_exactly_unauthorized(deploy: Deploy, flavour: str) -> None:
    """API Gateway makes a 401 of that one message, and a 500 of every other."""
    deployed = deploy()
    with pytest.raises(UnauthorizedError) as caught:
        deployed.invoke(event_of(flavour, "garbage"))

    assert str(caught.value) == "Unauthorized"
    assert deployed.logged[0]["reason"] == "token_not_compact"
    assert deployed.metrics == {"Refused": 1, "Refused.token_not_compact": 1}


@pytest.mark.parametrize(
    ("choice", "raised"), [("deny", False), ("unauthorized", True)], ids=["deny", "unauthorized"]
)
@pytest.mark.parametrize("flavour", ["http-2.0", "http-1.0"])
def test_an_http_api_is_told_as_configured(
    deploy: Deploy,
    flavour: str,
    choice: str,
    raised: bool,  # noqa: FBT001
) -> None:
    """A 403 by default; the setting makes it ``Unauthorized``."""
    deployed = deploy(AUTHORIZER_HTTP_API_REFUSAL=choice)
    event = event_of(flavour, None)
    if raised:
        with pytest.raises(UnauthorizedError, match=r"^Unauthorized$"):
            deployed.invoke(event)
    else:
        assert deployed.invoke(event)["context"] == {}
    assert deployed.logged[0]["reason"] == "token_missing"


# --- the log --------------------------------------------------------------------------------------


def test_a_decision_is_one_line_with_all_that_matters(deploy: Deploy) -> None:
    """Who by digest, what by route, the rule by its line; what there is not, is left out."""
    deployed = deploy()
    deployed.invoke(event_of("http-2.0", live_token()))

    (line,) = deployed.logged
    duration = line.pop("duration_ms")
    assert 0 < duration < 5_000
    assert {name: line[name] for name in line if name not in {"location", "timestamp"}} == {
        "level": "INFO",
        "message": "decision",
        "service": line["service"],
        "correlation_id": "invocation-1",
        "decision": "allowed",
        "rule": "allow GET /articles/{id}",
        "rule_subject": "group:reader",
        "rule_line": 5,
        "policy": deployed.module.authorizer.policy.digest,
        "flavour": "http-2.0",
        "method": "GET",
        "route": "/articles/{id}",
        "request_id": "request-1",
        "client_id": CLIENT_ID,
        "sub_digest": sha256(SUB.encode()).hexdigest()[:16],
    }


def test_a_decision_names_what_its_document_covers(deploy: Deploy) -> None:
    """An answer that is kept for other requests says so in the log, and one that cannot, too."""
    deployed = deploy()
    deployed.invoke(event_of("rest-request", live_token()))
    (without_routes,) = deployed.logged
    deployed.invoke(event_of("http-1.0", live_token()))
    (as_told,) = deployed.logged

    assert (without_routes["iam_mode"], without_routes["iam_inexact"]) == (
        "request",
        "routes_unknown",
    )
    assert as_told["iam_mode"] == "request"
    assert "iam_inexact" not in as_told


def test_a_denial_names_the_rule(deploy: Deploy) -> None:
    """Whoever asks why they were denied can be shown the line of the policy."""
    deployed = deploy()
    deployed.invoke(event_of("http-2.0", live_token(cognito_groups=["reader", "suspended"])))

    (line,) = deployed.logged
    assert (line["decision"], line["reason"]) == ("denied", "denied_by_rule")
    assert (line["rule"], line["rule_subject"], line["rule_line"]) == (
        "deny ANY /**",
        "group:suspended",
        9,
    )


def test_an_emulator_is_told_of_loudly(deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
    """A function that trusts plain HTTP says so when it starts; one that does not, says nothing."""
    deploy()
    assert capsys.readouterr().out == ""
    deploy(AUTHORIZER_INSECURE_EMULATOR_HOSTS="host.docker.internal,172.17.0.1")
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["message"]) == ("CRITICAL", "insecure_emulator")
    assert line["hosts"] == ["host.docker.internal", "172.17.0.1"]


def test_a_decision_counts_the_groups_it_skipped(deploy: Deploy) -> None:
    """A group that no policy can name is not named, but counted; without one there is no count."""
    deployed = deploy()
    groups = ["reader", "Domain Users", "a b"]
    deployed.invoke(event_of("http-2.0", live_token(cognito_groups=groups)))
    (skipping,) = deployed.logged
    deployed.invoke(event_of("http-2.0", live_token(cognito_groups=["reader"])))
    (usual,) = deployed.logged

    assert (skipping["decision"], skipping["groups_skipped"]) == ("allowed", 2)
    assert "Domain" not in json.dumps(skipping)
    assert "groups_skipped" not in usual


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "G" * 5_000},
        {"method": "G\u2028T\x1b[2J"},
        {"route": "/" + "r" * 5_000},
        {"request_id": "i" * 5_000},
        {"request_id": "i\n"},
    ],
)
@pytest.mark.parametrize("flavour", ["http-1.0", "http-2.0", "rest-request", "rest-token"])
def test_a_log_line_clips_whatever_the_request_says(
    deploy: Deploy, flavour: str, changes: dict[str, str]
) -> None:
    """What came from outside makes no line long, and brings no controls into it."""
    deployed = deploy()
    call = {name: value for name, value in changes.items() if name != "request_id"}
    event = event_of(flavour, live_token(), **call)
    if "request_id" in changes and flavour != "rest-token":
        event["requestContext"]["requestId"] = changes["request_id"]
    deployed.invoke(event)

    (line,) = deployed.logged
    assert len(json.dumps(line)) < 1_500
    assert all(str(line.get(name, "")).isprintable() for name in ("method", "route", "request_id"))


def test_a_refusal_names_the_reason_and_no_caller(deploy: Deploy) -> None:
    """Nothing that an unverified token says is taken for a fact about the caller."""
    deployed = deploy()
    deployed.invoke(event_of("http-2.0", live_token(client_id="stranger")))

    (line,) = deployed.logged
    assert (line["decision"], line["reason"]) == ("refused", "client_unknown")
    assert line["detail"] == ("client_unknown: expected a configured client_id, found 'stranger'")
    assert not {"client_id", "sub_digest", "rule"} & line.keys()


def _tokens() -> dict[str, str]:
    now = int(time.time())
    other = Cognito(pool_id="eu-west-1_Stranger")
    other_claims = other.claims(iat=now, exp=now + 3600)
    good = live_token()
    head, payload, signature = good.split(".")
    return {
        "good": good,
        "denied": live_token(cognito_groups=["nobody"]),
        "expired": live_token(exp=now - 1),
        "other client": live_token(client_id="stranger"),
        "other pool": other.sign(other_claims),
        "ID token": COGNITO.sign(COGNITO.id_claims(iat=now, exp=now + 3600), kid="id-key"),
        "unknown key": COGNITO.sign(
            COGNITO.claims(iat=now), header={"kid": "stranger", "alg": "RS256"}, kid="id-key"
        ),
        "forged": f"{head}.{payload}.{signature[:-8]}{'A' * 8}",
        "cut": f"{head}.{payload}",
        "unsigned": f"{head}.{payload}.",
        "bad header": f"{payload}.{payload}.{signature}",
        "too long": good * 20,
        "foreign letters": f"{good}é",
        "two": f"{good} {good}",
    }


@pytest.mark.parametrize("name", _tokens())
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_nothing_secret_is_written(deploy: Deploy, flavour: str, name: str) -> None:
    """No token, no part of one, no claims and no event, whatever the outcome."""
    token = _tokens()[name]
    # Keys that are asked for are answered from nowhere: the discard port.
    deployed = deploy(
        AUTHORIZER_JWKS_URLS=f"{POOL_ID}=http://127.0.0.1:9/jwks.json", POWERTOOLS_LOG_LEVEL="DEBUG"
    )
    event = event_of(flavour, token)
    with suppress(UnauthorizedError, KeysUnavailableError):
        deployed.invoke(event)
    written = deployed.written

    assert written
    for start in range(0, len(token) - 16, 8):
        assert token[start : start + 16] not in written
    for secret in (
        *(SUB, "alice", "origin_jti", "99999999-8888", "11111111-2222", "auth_time", "Bearer ey"),
        *("multiValueHeaders", "requestContext", "identitySource", "203.0.113.1", "/articles/1"),
    ):
        assert secret not in written


# --- metrics --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "metrics"),
    [
        pytest.param({}, {"Allowed": 1}, id="allowed"),
        pytest.param(
            {"cognito_groups": ["nobody"]}, {"Denied": 1, "Denied.not_granted": 1}, id="denied"
        ),
        pytest.param({"exp": 1, "iat": 0}, {"Refused": 1, "Refused.expired": 1}, id="refused"),
    ],
)
def test_outcomes_are_counted_by_reason(
    deploy: Deploy, token: dict[str, Any], metrics: dict[str, int]
) -> None:
    """One count for the verdict, one for its reason, in CloudWatch's embedded format."""
    deployed = deploy()
    deployed.invoke(event_of("http-2.0", live_token(**token)))

    assert deployed.metrics == metrics
    (description,) = deployed.emf["_aws"]["CloudWatchMetrics"]
    assert description["Namespace"] == "Tests"
    assert description["Dimensions"] == [["service"]]
    assert {metric["Unit"] for metric in description["Metrics"]} == {"Count"}


def test_counts_start_again_with_each_invocation(deploy: Deploy) -> None:
    """A warm sandbox does not count a call twice."""
    deployed = deploy()
    for _ in range(2):
        deployed.invoke(event_of("http-2.0", live_token()))
        assert deployed.metrics == {"Allowed": 1}
        assert len(deployed.logged) == 1


def test_fetches_are_counted(deploy: Deploy) -> None:
    """A cold sandbox without bundled keys fetches once, and a warm one does not."""
    with serve_jwks(COGNITO.jwks()) as server:
        deployed = deploy(AUTHORIZER_JWKS_FILES="", AUTHORIZER_JWKS_URLS=f"{POOL_ID}={server.url}")
        deployed.invoke(event_of("http-2.0", live_token()))
        assert deployed.metrics == {"Allowed": 1, "JwksFetches": 1}
        deployed.invoke(event_of("http-2.0", live_token()))
        assert deployed.metrics == {"Allowed": 1}
        assert server.fetches == 1


def test_a_refresh_in_the_background_is_counted_when_somebody_asks(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage shows in the metrics while requests are still answered with the keys at hand."""
    with serve_jwks(b"", status=500) as server:
        deployed = deploy(AUTHORIZER_JWKS_URLS=f"{POOL_ID}={server.url}")
        keys = deployed.module.authorizer.keys
        keys.after_restore()
        deployed.invoke(event_of("http-2.0", live_token()))
        wait_until(lambda: keys.statistics().failures == 1)
        counted = dict(deployed.metrics)
        deployed.invoke(event_of("http-2.0", live_token()))
        for name, value in deployed.metrics.items():
            counted[name] = counted.get(name, 0) + value

    assert counted == {"Allowed": 2, "JwksFetches": 1, "JwksFetchFailures": 1}


def test_keys_that_never_expire_need_no_network(deploy: Deploy) -> None:
    """Not for what they know, and not for what they do not."""
    with serve_jwks(b"", status=500) as server:
        deployed = deploy(
            AUTHORIZER_JWKS_FILES="",
            AUTHORIZER_NEVER_EXPIRING_JWKS_FILES=f"{POOL_ID}=jwks.json",
            AUTHORIZER_JWKS_URLS=f"{POOL_ID}={server.url}",
        )
        deployed.module.authorizer.keys.after_restore()
        deployed.invoke(event_of("http-2.0", live_token()))
        assert deployed.metrics == {"Allowed": 1}
        other = Cognito(keys={"other": COGNITO.keys["access-key"]})
        deployed.invoke(event_of("http-2.0", other.sign(other.claims(), kid="other")))
        assert deployed.metrics == {"Refused": 1, "Refused.key_unknown": 1}
        assert server.fetches == 0


# --- snapshots ------------------------------------------------------------------------------------


class SnapshotRestore(ModuleType):
    """Stands in for Lambda's module of that name: keeps what is to be run after a restore."""

    def __init__(self) -> None:
        super().__init__("snapshot_restore_py")
        self.hooks: list[Callable[[], None]] = []

    def register_after_restore(self, hook: Callable[[], None]) -> None:
        self.hooks.append(hook)


def test_a_function_published_seven_hours_ago(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SnapStart's first request is answered with the bundled keys, whatever the snapshot's age."""
    runtime = SnapshotRestore()
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", runtime)
    snapshot = time.time()
    with serve_jwks(b"") as server:
        server.respond = server.hang
        deployed = deploy(
            AUTHORIZER_JWKS_URLS=f"{POOL_ID}={server.url}", AUTHORIZER_JWKS_DEADLINE_SECONDS="0.2"
        )
        keys = deployed.module.authorizer.keys
        monkeypatch.setattr(keys, "_clock", lambda: snapshot + 7 * 3600)
        (pool,) = keys._pools.values()
        monkeypatch.setattr(pool, "_clock", lambda: snapshot + 7 * 3600)
        with pytest.raises(KeysUnavailableError):
            deployed.invoke(event_of("http-2.0", live_token()))
        pool._back_off = timedelta(0)
        (restored,) = runtime.hooks
        restored()
        deployed.invoke(event_of("http-2.0", live_token()))
        assert deployed.metrics == {"Allowed": 1, "JwksFetches": 1}


# --- breakage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_unavailable_keys_are_a_500_and_counted(deploy: Deploy, flavour: str) -> None:
    """Raised, and not as ``Unauthorized``: API Gateway remembers nothing of it."""
    with serve_jwks(b"", status=500) as server:
        deployed = deploy(AUTHORIZER_JWKS_FILES="", AUTHORIZER_JWKS_URLS=f"{POOL_ID}={server.url}")
        with pytest.raises(KeysUnavailableError) as caught:
            deployed.invoke(event_of(flavour, live_token()))

    assert str(caught.value) != "Unauthorized"
    (line,) = deployed.logged
    assert (line["level"], line["message"]) == ("ERROR", "failure")
    assert (line["error"], line["detail"]) == ("KeysUnavailableError", str(caught.value))
    assert deployed.metrics == {
        "Failed": 1,
        "Failed.KeysUnavailableError": 1,
        "JwksFetches": 1,
        "JwksFetchFailures": 1,
    }


@pytest.mark.parametrize("event", [{}, None, [], "x", {"type": "REQUEST", "version": "9"}])
def test_a_malformed_event_is_a_500_and_counted(deploy: Deploy, event: object) -> None:
    """A wiring mistake shows as what it is, and not as a caller's fault."""
    deployed = deploy()
    with pytest.raises(MalformedRequestError):
        deployed.invoke(event)
    assert deployed.metrics == {"Failed": 1, "Failed.MalformedRequestError": 1}


def test_a_broken_configuration_is_told_at_once_and_whole(
    deploy: Deploy, capsys: pytest.CaptureFixture[str]
) -> None:
    """The import fails with everything that is wrong, raised and logged."""
    with pytest.raises(ConfigurationError) as caught:
        deploy(
            AUTHORIZER_USER_POOLS="nonsense=client",
            AUTHORIZER_JWKS_FILES="",
            AUTHORIZER_POLICY="none.json",
            AUTHORIZER_HTTP_API_ANSWERS="iam",
            AUTHORIZER_HTTP_API_REFUSAL="maybe",
        )

    expected = ("HTTP_API_ANSWERS", "user pool id", "none.json", "HTTP_API_REFUSAL")
    assert len(caught.value.problems) == len(expected)
    assert all(text in str(caught.value) for text in expected)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["message"]) == ("CRITICAL", "configuration")
    assert line["problems"] == list(caught.value.problems)


def test_pools_that_share_an_issuer_are_a_broken_configuration(deploy: Deploy) -> None:
    """What only shows when the parts are put together is reported at the start, too."""
    issuer = COGNITO.issuer
    with pytest.raises(ConfigurationError, match="one user pool per issuer"):
        deploy(
            AUTHORIZER_USER_POOLS=f"{POOL_ID}=a eu-west-1_Other=b",
            AUTHORIZER_FURTHER_ISSUERS=f"eu-west-1_Other={issuer}",
        )


def test_files_are_looked_for_beside_the_handlers(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Outside of Lambda the package is the folder above the handlers."""
    deploy()
    monkeypatch.delenv("LAMBDA_TASK_ROOT")
    sys.modules.pop("authorizer.aws_lambda")
    monkeypatch.setenv("AUTHORIZER_POLICY", str(tmp_path / "policy.json"))
    monkeypatch.setenv("AUTHORIZER_JWKS_FILES", f"{POOL_ID}=jwks.json")
    with pytest.raises(ConfigurationError) as caught:
        importlib.import_module("authorizer.aws_lambda")

    root = Path(__file__).parents[2]
    assert str(caught.value) == (
        f"AUTHORIZER_JWKS_FILES: {root / 'jwks.json'}: No such file or directory"
    )


# --- revocation -----------------------------------------------------------------------------------


def test_a_revoked_user_is_refused_though_remembered(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a reason to count by; and to whoever is not on the list nothing changes."""
    with serve_table(monkeypatch) as table:
        deployed = deploy(
            AUTHORIZER_REVOCATION_TABLE="revoked",
            AUTHORIZER_REVOCATION_TIME_TO_LIVE_SECONDS="0.001",
        )
        event = event_of("rest-token", live_token())
        assert deployed.invoke(event)["context"]["sub"] == SUB
        table.entries = ["sub#another", f"sub#{SUB}"]
        with pytest.raises(UnauthorizedError):
            deployed.invoke(event)
    assert deployed.logged[0]["reason"] == "revoked"
    assert SUB not in deployed.written
    assert deployed.metrics == {"Refused": 1, "Refused.revoked": 1}


def test_a_table_out_of_reach_gives_what_the_setting_says(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default an error of its own, which is a 500 that nothing caches; else, leave to go on."""
    event = event_of("http-2.0", live_token())
    with serve_table(monkeypatch) as table:
        table.error = "ResourceNotFoundException"
        deployed = deploy(AUTHORIZER_REVOCATION_TABLE="revoked")
        with pytest.raises(RevocationsUnavailableError):
            deployed.invoke(event)
        assert deployed.metrics == {"Failed": 1, "Failed.RevocationsUnavailableError": 1}
        lax = deploy(
            AUTHORIZER_REVOCATION_TABLE="revoked",
            AUTHORIZER_REVOCATION_UNAVAILABLE="allow_insecurely",
        )
        assert lax.invoke(event)["isAuthorized"] is True


def test_a_start_that_cannot_revoke_says_why(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every broken configuration does."""
    monkeypatch.setitem(sys.modules, "aws_lambda_powertools.utilities.parameters", None)
    with pytest.raises(ConfigurationError):
        deploy(AUTHORIZER_REVOCATION_TABLE="revoked")
    logged = json.loads(capsys.readouterr().out)
    assert logged["message"] == "configuration"
    (problem,) = logged["problems"]
    assert problem.startswith("the table of revoked tokens cannot be read: ModuleNotFoundError")
