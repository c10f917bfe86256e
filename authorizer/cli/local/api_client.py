"""Calling the API as a client does, and reading from the authorizer's log why it said so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from authorizer.cli.local.emulator import Emulator

_REQUEST_SECONDS = 30
ALLOWED = "allowed"
# The authorizer was asked, but said nothing that we know: it did not start, for one.
SILENT = "(no decision)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, and what the authorizer logged about it.

    Attributes:
        reason: ``allowed``, a ``Reason``, or the name of the error that kept the authorizer from
            judging; nothing when it was not asked.
        body: the JSON document; empty when there was none.
    """

    status: int
    reason: str | None
    body: Mapping[str, Any]
    headers: Mapping[str, str]


def direct_session() -> requests.Session:
    """Requests that nothing on this machine changes.

    A .netrc would add an Authorization header, and a proxy would get it.
    """
    http = requests.Session()
    http.trust_env = False
    return http


class DecisionLog:
    """The authorizer's own log in CloudWatch Logs. One call at a time, or they mix."""

    def __init__(self, emulator: Emulator, function: str) -> None:
        configuration = emulator.client("lambda").get_function_configuration(FunctionName=function)
        self._group = configuration["LoggingConfig"]["LogGroup"]
        self._pages = emulator.client("logs").get_paginator("filter_log_events")
        self._seen: set[str] = set()
        self._since_milliseconds = 0

    def new_reason(self) -> str | None:
        """The reason logged since the last time; nothing if the authorizer was not asked."""
        events = self._new_events()
        return last_reason(event["message"] for event in events) or (SILENT if events else None)

    def _new_events(self) -> list[dict[str, Any]]:
        """Events of streams not seen before; ministack makes one stream for each invocation."""
        pages = self._pages.paginate(logGroupName=self._group, startTime=self._since_milliseconds)
        events = [
            event
            for page in pages
            for event in page["events"]
            if event["logStreamName"] not in self._seen
        ]
        self._seen.update(event["logStreamName"] for event in events)
        self._since_milliseconds = max(
            (event["timestamp"] for event in events), default=self._since_milliseconds
        )
        return events


def reason_of(line: str) -> str | None:
    """What a line of the authorizer's log says about a decision; nothing if it is about others."""
    entry = _json_object(line)
    if entry.get("message") == "decision":
        return ALLOWED if entry.get("decision") == "allowed" else str(entry.get("reason"))
    return str(entry["error"]) if entry.get("message") == "failure" else None


def last_reason(lines: Iterable[str]) -> str | None:
    """The reason that was logged last."""
    reasons = [reason for line in lines if (reason := reason_of(line))]
    return reasons[-1] if reasons else None


class NewLines:
    """What a process has written to a file since the last time: whole lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def __call__(self) -> list[str]:
        """Read on."""
        text = self._path.read_bytes()[self._read :]
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


class Api:
    """The deployed API.

    Args:
        base_url: what paths are put behind.
        new_reason: reads the reason that was logged since the last time; nothing if the authorizer
            was not asked.
    """

    def __init__(self, base_url: str, new_reason: Callable[[], str | None]) -> None:
        self.base_url = base_url
        self._new_reason = new_reason
        self._http = direct_session()

    def call(
        self,
        method: str,
        path: str,
        authorization: str | None = None,
        origin: str | None = None,
    ) -> Answer:
        """Send a request, with or without an Authorization header, and from a page or not.

        Not for two threads at once: the reason is read from a common log.
        """
        answer = self._http.request(
            method,
            self.base_url + path,
            headers={"Authorization": authorization, "Origin": origin},
            timeout=_REQUEST_SECONDS,
            allow_redirects=False,
        )
        return Answer(
            status=answer.status_code,
            reason=self._new_reason(),
            body=_json_object(answer.text),
            headers=answer.headers,
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()


def _json_object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
