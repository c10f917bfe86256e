"""The Lambda authorizer: composed once when the sandbox starts, asked once per request.

Every decision is one structured log line and one set of metrics. Neither ever holds a token, a
claims set, or the event.
"""

import os
import time
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from authorizer import Authorizer, AuthorizerError, ConfigurationError, Outcome, Settings
from authorizer.deferral import deferred
from authorizer.errors import clip

# Of these, a logger and metrics need nothing.
with deferred(
    "aws_lambda_powertools.tracing",
    "aws_lambda_powertools.utilities.jmespath_utils",
    "typing_extensions",
):
    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.metrics import MetricUnit

SERVICE = "authorizer"
# Routes are the longest of what is logged as it is.
_USUAL_CHARACTERS = 256
logger = Logger(
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", SERVICE),
    json_deserializer=str,  # what is logged is a word, and no JSON to look into
)
metrics = Metrics(
    namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "CognitoRbacAuthorizer"),
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", SERVICE),
)


def compose() -> Authorizer:
    """Build the authorizer from the environment; files are looked for in the function's package."""
    try:
        settings = Settings.from_environment(
            os.environ, Path(os.environ.get("LAMBDA_TASK_ROOT", Path(__file__).parent.parent))
        )
        composed = Authorizer.from_settings(settings)
    except ConfigurationError as error:
        logger.critical("configuration", problems=error.problems)
        raise
    if settings.insecure_emulator_hosts:
        # Whoever is between here and there can make keys of their own, and tokens for them.
        logger.critical("insecure_emulator", hosts=settings.insecure_emulator_hosts)
    return composed


authorizer = compose()
# What has been counted so far. A fetch in the background may end while nobody is asking.
counted = [authorizer.keys.statistics()]
with suppress(ImportError):
    # Of Lambda's Python runtimes alone, for SnapStart: a snapshot may be days old when it is used.
    import_module("snapshot_restore_py").register_after_restore(authorizer.keys.after_restore)


@metrics.log_metrics
def handler(event: object, context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own, as it is
    """Answer API Gateway's question; raise what it turns into 401 or 500."""
    logger.set_correlation_id(context.aws_request_id)
    started = time.perf_counter()
    try:
        outcome = authorizer.judge(event)
    except AuthorizerError as error:
        # Not logger.exception: the traceback's frames are known, and Lambda logs it once more.
        logger.error("failure", error=type(error).__name__, detail=str(error))  # noqa: TRY400
        _count({"Failed": 1, f"Failed.{type(error).__name__}": 1})
        raise
    finally:
        before, counted[0] = counted[0], authorizer.keys.statistics()
        fetches, failures = (after - was for after, was in zip(counted[0], before, strict=True))
        _count({"JwksFetches": fetches, "JwksFetchFailures": failures})
    line = describe(outcome) | {"duration_ms": round((time.perf_counter() - started) * 1000, 3)}
    # What is not there need not be formatted first to be left out.
    logger.info("decision", extra={name: said for name, said in line.items() if said is not None})
    verdict = outcome.verdict.value.capitalize()
    # One count per verdict, and one per reason, so that both can be charted and alarmed on.
    _count({verdict: 1, f"{verdict}.{outcome.reason}": outcome.reason is not None})
    return outcome.answer()


def describe(outcome: Outcome) -> dict[str, Any]:
    """The log line of a decision. The caller is named by a digest, the rule by its line."""
    rule = outcome.decision.rule if outcome.decision else None
    token = outcome.token
    return {
        "decision": outcome.verdict.value,
        "reason": outcome.reason,
        "detail": outcome.refusal and str(outcome.refusal),
        "rule": rule and f"{rule.effect} {rule.pattern.text}",
        "rule_subject": rule and rule.subject,
        "rule_line": rule and rule.line,
        "policy": authorizer.policy.digest,
        "flavour": outcome.request.flavour,
        "iam_mode": outcome.iam_mode,
        "iam_inexact": outcome.inexact,
        "method": _short(outcome.request.method),
        "route": _short(outcome.request.route),
        "request_id": _short(outcome.request.request_id),
        "client_id": token and token.client_id,
        "groups_skipped": (token and token.groups_skipped) or None,
        "sub_digest": token and sha256(token.sub.encode()).hexdigest()[:16],
    }


def _short(foreign: str | None) -> str | None:
    """What the request says, as it is; where it is long or not printable, clipped."""
    usual = foreign is None or (len(foreign) <= _USUAL_CHARACTERS and foreign.isprintable())
    return foreign if usual else clip(foreign)


def _count(counts: dict[str, int]) -> None:
    for name, count in counts.items():
        if count:
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
