"""The local stack as one thing: up, with people who can sign in, and gone afterwards.

It is called as a client calls an API, and the authorizer's log says why it answered so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authorizer.cli.event.samples import Placeholder, callers_of
from authorizer.cli.event.tokens import ServedPool
from authorizer.cli.local import users
from authorizer.cli.local.backend import CALLER, FUNCTION, IDENTITY, STUB
from authorizer.cli.local.deploy import Deployment, deploy
from authorizer.cli.local.emulator import Emulator, direct_session, running_emulator
from authorizer.cli.local.functions import function_name
from authorizer.cli.local.users import Person, Tokens
from authorizer.tokens.revocation import ENTRY_KEY, LIST_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from authorizer.cli.local.project import Project

Say = Callable[[str], None]
_REQUEST_SECONDS = 30
# The authorizer was asked, but said nothing that we know: it did not start, for one.
_SILENT = "(no decision)"
ALLOWED = "allowed"


def _nothing(_text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, and what the authorizer logged about it.

    Attributes:
        reason: ``allowed``, a ``Reason``, or the name of the error that kept the authorizer from
            judging; nothing when it was not asked.
        body: the JSON document; empty when there was none.
        function: logical id of the function that answered; nothing where none was reached.
        told: whose ``sub`` that function was told; nothing where it was told of nobody.
        stub: why a stub answered for it; nothing where it did itself.
    """

    status: int
    reason: str | None
    body: Mapping[str, Any]
    function: str | None = None
    told: str | None = None
    stub: str | None = None


def reason_of(line: str) -> str | None:
    """What a line of the authorizer's log says about a decision; nothing if it is about others."""
    entry = json_object(line)
    if entry.get("message") == "decision":
        return ALLOWED if entry.get("decision") == "allowed" else str(entry.get("reason"))
    return str(entry["error"]) if entry.get("message") == "failure" else None


def last_reason(lines: Iterable[str]) -> str | None:
    """The reason that was logged last."""
    reasons = [reason for line in lines if (reason := reason_of(line))]
    return reasons[-1] if reasons else None


def json_object(text: str) -> dict[str, Any]:
    """A JSON object; empty where the text is none."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def make_revocation_table(emulator: Emulator, name: str) -> None:
    """Make the table of revoked tokens, as the template does."""
    keys = {LIST_KEY: "HASH", ENTRY_KEY: "RANGE"}
    emulator.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
    )


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
        return last_reason(event["message"] for event in events) or (_SILENT if events else None)

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


class Api:
    """The deployed API.

    Attributes:
        new_reason: as it was given.

    Args:
        base_url: what paths are put behind.
        new_reason: reads the reason that was logged since the last time; nothing if the authorizer
            was not asked.
    """

    def __init__(self, base_url: str, new_reason: Callable[[], str | None]) -> None:
        self.base_url = base_url
        self.new_reason = new_reason
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
            reason=self.new_reason(),
            body=json_object(answer.text),
            function=answer.headers.get(FUNCTION),
            told=answer.headers.get(CALLER) or None,
            stub=answer.headers.get(STUB),
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()


class LocalStack(Api):
    """The deployed API on this machine, and its users.

    Attributes:
        emulator: where it runs.
        deployment: the stack's outputs.
        project: what is played.
        people: the users by name.
        machines: callers without a user, as far as the stack has a client for them.
        revocation_table: the list of revoked tokens.
    """

    revocation_table = "revoked"

    def __init__(self, deployment: Deployment, project: Project) -> None:
        log = DecisionLog(deployment.emulator, deployment.authorizer_function)
        super().__init__(deployment.base_url, log.new_reason)
        self.emulator = deployment.emulator
        self.deployment = deployment
        self.project = project
        self.people = {
            person.name: users.enrol(deployment, person) for person in users.people_of(project)
        }
        allowed = users.machine_client(deployment).get("AllowedOAuthScopes", ())
        self.machines = users.machines_of(project, deployment.machine_client_id, allowed)

    @classmethod
    @contextmanager
    def running(cls, project: Project, say: Say = _nothing) -> Iterator[LocalStack]:
        """Bring it up, and take it down in the end.

        Args:
            project: what is played.
            say: is told what is being waited for.

        Raises:
            LocalStackError: it did not come up.
        """
        say("starting ministack on loopback")
        with running_emulator() as emulator:
            say(f"making {project.api.id} on it, with its functions")
            deployment = deploy(project, emulator)
            say("creating the users, each with a password and TOTP")
            with closing(cls(deployment, project)) as stack:
                yield stack

    def keep_revoked_tokens(self) -> None:
        """Have the authorizers heed a list of revoked tokens; for that, they start anew."""
        make_revocation_table(self.emulator, self.revocation_table)
        client = self.emulator.client("lambda")
        for function in map(function_name, self.project.authorizers):
            found = client.get_function_configuration(FunctionName=function)["Environment"]
            client.update_function_configuration(
                FunctionName=function,
                Environment={
                    "Variables": {
                        **found["Variables"],
                        "AUTHORIZER_REVOCATION_TABLE": self.revocation_table,
                        IDENTITY: json.dumps(self.emulator.identity),
                    }
                },
            )

    def sign_in(self, name: str) -> Tokens:
        """Sign a user in, with password and TOTP."""
        return users.sign_in(self.emulator, self.deployment.client_id, self.people[name])

    def access_token(self, person: Person) -> str:
        """A new access token of a user or a machine."""
        if not person.scopes:
            return self.sign_in(person.name).access
        return users.token_of_machine(self.deployment, person.scopes)

    def invite(self, name: str, groups: tuple[str, ...]) -> str:
        """Create a user who has yet to choose a password; returns the temporary one."""
        return users.invite(
            self.emulator, self.deployment.user_pool_id, Person(name=name, groups=groups)
        ).password

    def served_pool(
        self, issued: Mapping[str, str] | None = None, people: Mapping[str, str] | None = None
    ) -> ServedPool:
        """The pool as a source of tokens for events: none of them, where none were issued."""
        clients = [self.deployment.client_id, self.deployment.machine_client_id]
        return ServedPool(
            sub=self._somebody_in(callers_of(self.project.policy).groups).sub,
            pools=f"{self.deployment.user_pool_id}={','.join(filter(None, clients))}",
            jwks_url=self.emulator.jwks_url(self.deployment.user_pool_id),
            tokens=issued or {},
            api_url=self.base_url,
            people=people or {},
        )

    def _somebody_in(self, groups: tuple[str, ...]) -> Person:
        """The first user who is in the last of these groups; anybody where nobody is."""
        people = self.people.values()
        found = (one for one in people if groups and groups[-1] in one.groups)
        return next(found, next(iter(people)))

    def announce(self, folder: Path) -> dict[str, str]:
        """Leave tokens in a folder for ``authorizer event --token-from local``.

        Returns:
            An access token of each user, by name.
        """
        callers = callers_of(self.project.policy)
        person = self._somebody_in(callers.groups)
        denied = self._somebody_in(callers.denied_groups)
        tokens = self.sign_in(person.name)
        issued: dict[str, str] = {
            Placeholder.ACCESS: tokens.access,
            Placeholder.ID: tokens.id,
            Placeholder.SUSPENDED: self.access_token(denied),
            Placeholder.EXPIRED: users.expired(self.deployment, person),
        }
        if self.machines:
            issued[Placeholder.MACHINE] = self.access_token(self.machines[0])
        people = {name: self.sign_in(name).access for name in self.people}
        self.served_pool(issued, people).write(folder)
        return people
