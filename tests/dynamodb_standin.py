"""A table of revoked tokens as it is asked over HTTP: it pages, and can be gone or throttle.

What a filter means is the emulator's to say (``tests/system``); here it is kept to be looked at.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

_PER_PAGE = 2


@dataclass
class Table:
    """The entries, and what was asked; with an error's name, that is the answer."""

    url: str
    entries: list[str] = field(default_factory=list)
    error: str = ""
    questions: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, question: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.questions.append(question)
        if self.error:
            return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{self.error}"}
        first = int(question.get("ExclusiveStartKey", {}).get("entry", {}).get("S", 0))
        page = self.entries[first : first + _PER_PAGE]
        answer: dict[str, Any] = {"Items": [{"entry": {"S": entry}} for entry in page]}
        if first + _PER_PAGE < len(self.entries):
            answer["LastEvaluatedKey"] = {"entry": {"S": str(first + _PER_PAGE)}}
        return 200, answer


@contextmanager
def serve_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """Serve a table on loopback until the block ends; this process's AWS is there meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            status, document = table.answer(json.loads(self.rfile.read(length)))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing to see."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        table = Table(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", table.url)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        yield table
        server.shutdown()
