"""A function behind a route, as it runs here: the person's own code, or a stub in its place.

It is put on the emulator in the place of the function, by itself: the standard library is all that
it has. The code runs from where it lies. Whatever keeps it from running here is told, and a stub
answers: what is tried is the authorizer in front, and whom it tells the function of.

It runs as a runtime of its own. The emulator's own one for Python ends with each error that a
function raises, and a REST API's authorizer raises for each token that it refuses.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from http.client import HTTPConnection, HTTPMessage
from importlib import import_module
from types import SimpleNamespace
from typing import Any

# Headers of the answer: which function it is, whom it was told of, and why a stub answers.
FUNCTION, CALLER, STUB = "x-local-function", "x-local-caller", "x-local-stub"
# Its variables: the function's logical id, its handler, where its code is, why that cannot run, and
# as who it asks the emulator, where it may.
NAME, HANDLER, ROOT, WHY, IDENTITY = (
    f"LOCAL_{name}" for name in ("FUNCTION", "HANDLER", "ROOT", "WHY", "IDENTITY")
)
# What the emulator leaves out of an authorizer's event of payload 1.0.
VERSION = "LOCAL_VERSION"
_MOST_CHARACTERS = 200
_INVOCATION = "/2018-06-01/runtime/invocation"  # of Lambda's API for runtimes

sys.dont_write_bytecode = True  # nothing of ours shall stay in the person's folder


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer as the function does, and say whom it was told of."""
    told = event.get("requestContext", {}).get("authorizer") or {}
    told = told.get("lambda", told) or {}
    caller = str(told.get("sub", ""))
    headers = {FUNCTION: os.environ[NAME], CALLER: caller}
    why, answer = os.environ.get(WHY, ""), None
    if not why:
        try:
            answer = _own()(event, context)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, it is told
            why = f"{type(error).__name__}: {error}"
    if why:
        headers[STUB] = why.encode("ascii", "replace").decode()[:_MOST_CHARACTERS]
        headers[STUB] = " ".join(headers[STUB].split())
        answer = {"message": "a stub answers here", "caller": told}
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer if isinstance(answer, str) else json.dumps(answer)
        answer = {"statusCode": 200, "body": body}
        headers["content-type"] = "application/json"
    return {**answer, "headers": {**(answer.get("headers") or {}), **headers}}


def authorize(event: dict[str, Any], context: object) -> Any:  # noqa: ANN401 - as it answers
    """Ask the authorizer, which may be one of the person's own around ours."""
    version = os.environ.get(VERSION)
    return _own()({"version": version, **event} if version else event, context)


def _own() -> Any:  # noqa: ANN401 - whatever the person's handler is
    root = os.environ.get(ROOT)
    if root is not None and root not in sys.path:
        sys.path.append(root)  # behind the package, where there is one
    module, _, name = os.environ[HANDLER].replace("/", ".").rpartition(".")
    return getattr(import_module(module), name)


def main() -> None:
    """Answer one event after the other, as Lambda's runtimes do."""
    answer = handler if NAME in os.environ else authorize
    # Nobody is let in by the role that the emulator gives functions.
    os.environ.update(json.loads(os.environ.get(IDENTITY, "{}")))
    while True:
        # A new connection each time: on an old one, what comes in two parts waits for 40 ms.
        api = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        api.request("GET", f"{_INVOCATION}/next")
        asked = api.getresponse()
        event, context = json.load(asked), _context(asked.headers)
        try:
            kind, body = "response", json.dumps(answer(event, context))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            traceback.print_exc()
            told = {"errorType": type(error).__name__, "errorMessage": str(error)}
            kind, body = "error", json.dumps(told)
        print()  # the emulator waits for a line of the log
        api.request("POST", f"{_INVOCATION}/{context.aws_request_id}/{kind}", body)
        api.getresponse().read()


def _context(headers: HTTPMessage) -> SimpleNamespace:
    """What a function is told beside the event."""
    seconds = int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000
    return SimpleNamespace(
        aws_request_id=headers["Lambda-Runtime-Aws-Request-Id"],
        invoked_function_arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
        log_group_name=f"/aws/lambda/{os.environ['AWS_LAMBDA_FUNCTION_NAME']}",
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        identity=None,
        client_context=None,
        get_remaining_time_in_millis=lambda: max(0, int((seconds - time.time()) * 1000)),
    )


if __name__ == "__main__":
    main()
