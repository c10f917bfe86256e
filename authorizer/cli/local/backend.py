"""A function behind a route, as it runs here: the person's own code, or a stub in its place.

It is put on the emulator in the place of the function, by itself: the standard library is all that
it has. The code runs from where it lies. Whatever keeps it from running here is told, and a stub
answers: what is tried is the authorizer in front, and whom it tells the function of.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

# Headers of the answer: which function it is, whom it was told of, and why a stub answers.
FUNCTION, CALLER, STUB = "x-local-function", "x-local-caller", "x-local-stub"
# Its variables: the function's logical id, its handler, where its code is, why that cannot run.
NAME, HANDLER, ROOT, WHY = "LOCAL_FUNCTION", "LOCAL_HANDLER", "LOCAL_ROOT", "LOCAL_WHY"
# What the emulator leaves out of an authorizer's event of payload 1.0.
VERSION = "LOCAL_VERSION"
_MOST_CHARACTERS = 200

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
