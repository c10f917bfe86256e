"""``sam local start-api``, and the samples one by one: what the tests of containers play."""

from __future__ import annotations

import subprocess
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_runtime import Invocation, NewLines, function_for, is_listening, project_in
from sam_local import SamLocal, started_sam
from sample_index import Expected, read_index, status_of

from authorizer.cli.event.samples import load_sample
from authorizer.cli.local.project import LocalStackError
from authorizer.cli.local.stack import ALLOWED, Answer, Api, last_reason
from authorizer.cli.local.supervisor import LOG, free_port, own_folder, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from authorizer.cli.event.tokens import TokenSource
    from authorizer.cli.local.scenario import Case

_START_SECONDS = 120
_OK, _PREFLIGHT, _START_API_PREFLIGHT = 200, 204, 200
_NOT_FOUND, _START_API_NOT_FOUND = 404, 403


@contextmanager
def started_api(local: SamLocal) -> Iterator[Api]:
    """Start the API on loopback; stop it, and its containers, in the end.

    Raises:
        LocalStackError: it did not start.
    """
    port = free_port()
    command = [
        *("local", "start-api", *local.options(), "--warm-containers", "LAZY"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    with own_folder() as folder, (folder / LOG).open("wb") as log:
        streams: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": log,
            "stderr": subprocess.STDOUT,
        }
        with started_sam(local.project, command, cwd=folder, **streams) as process:
            if not wait_until(partial(is_listening, port), _START_SECONDS, process):
                words = (folder / LOG).read_text("utf-8", "replace").strip()
                raise LocalStackError(f"sam local start-api did not start\n{words[-2000:]}")
            new_lines = NewLines(folder / LOG)
            url = f"http://127.0.0.1:{port}"
            with closing(_StartedApi(url, lambda: last_reason(new_lines()))) as api:
                yield api


class _StartedApi(Api):
    """The functions as they are deployed: what they answer tells whom they were told of."""

    def call(
        self,
        method: str,
        path: str,
        authorization: str | None = None,
        origin: str | None = None,
    ) -> Answer:
        answer = super().call(method, path, authorization, origin)
        if answer.status != _OK or origin is not None:
            return answer
        told = answer.body.get("caller", {}).get("sub")
        return replace(answer, function="HelloFunction", told=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A sample, and what came of it."""

    name: str
    expected: Expected
    found: Expected


def invoke_samples(
    local: SamLocal, source: TokenSource, folder: Path, names: Iterable[str] | None = None
) -> Iterator[Replay]:
    """``sam local invoke`` for the samples, one after the other; all of them by default."""
    index, project = read_index(folder), project_in(local.project)
    for name in index if names is None else names:
        sample = load_sample(folder, name)
        event = sample.filled(source.token, source.sub)
        invocation = local.invoke(function_for(project, sample), event)
        yield Replay(name=name, expected=index[name], found=seen(event, invocation))


def seen(event: Mapping[str, Any], invocation: Invocation) -> Expected:
    """An invocation, as a client and a reader of logs see it."""
    return Expected(status=status_of(invocation.answer, event), reason=last_reason(invocation.log))


def as_start_api_answers(case: Case) -> Case:
    """The case, with what start-api is known to answer where AWS answers otherwise.

    It remembers nothing, so that the authorizer is asked each time; it answers a method without a
    route as REST APIs do; and a preflight with 200.
    """
    remembered = case.authorization and case.reason is None and case.status != _NOT_FOUND
    status = {
        _PREFLIGHT: _START_API_PREFLIGHT,
        _NOT_FOUND: _START_API_NOT_FOUND,
    }.get(case.status, case.status)
    return replace(case, status=status, reason=ALLOWED if remembered else case.reason)
