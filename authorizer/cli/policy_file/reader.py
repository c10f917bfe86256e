"""Reading ``policy.yaml``: every error with file, line and column, all of them at once.

This is the one place that knows the file's schema. What a policy *means* is judged elsewhere.
``load_document`` is for those who need what ships, ``load_source`` for those who need the places.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.location import Location, Problem, UnreadableError
from authorizer.cli.policy_file.compile import (
    compile_source,
    dump_policy,
    include_closure,
    with_routes,
)
from authorizer.cli.policy_file.fields import NodeReader, describe, is_null
from authorizer.cli.policy_file.grammar import RuleSyntaxError, pattern_of
from authorizer.cli.policy_file.source import (
    PUBLIC,
    Acceptance,
    SourcePolicy,
    SourceRule,
    SourceSubject,
)
from authorizer.cli.yaml_source import Listing, Mapping, Node, Text, compose
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.decision import Policy
from authorizer.tokens.claims import is_nameable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authorizer.policy.model import Effect

# Of policy.yaml; the compiled form has its own.
FORMAT_VERSION = 1
KEYS = {"accept", "groups", "public", "scopes", "tests", "version"}
_GROUP_KEYS = {"allow", "deny", "includes"}
_COMPILED_KEYS = {"groups", "public", "routes", "scopes", "version"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def load_document(path: Path, routes: list[str] | None = None) -> tuple[bytes, Policy]:
    """Read and compile ``policy.yaml``.

    Args:
        path: the file.
        routes: every route of the API, to be compiled in; nothing where they are not known.

    Returns:
        The compiled JSON that ships, and the policy that it loads as.

    Raises:
        ConfigurationError: with every problem, located.
    """
    document = compile_source(load_source(path))
    compiled = dump_policy(document if routes is None else with_routes(document, routes))
    return compiled, Policy.parse(compiled)


def load_source(path: Path) -> SourcePolicy:
    """Read ``policy.yaml`` with all its places.

    Raises:
        ConfigurationError: with every problem, located.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    source, problems = read_source(data, str(path))
    if problems:
        hint = f"'authorizer check {path}' says how to mend what is wrong"
        raise ConfigurationError([*map(str, problems), hint])
    return source


def read_source(data: bytes, file: str = "policy.yaml") -> tuple[SourcePolicy, list[Problem]]:
    """Read the bytes of ``policy.yaml``.

    Args:
        data: the file's content.
        file: its name, for places.

    Returns:
        The policy, which is only good when the list of problems is empty.
    """
    try:
        root = compose(data, file)
        _require_source(root)
    except UnreadableError as error:
        return SourcePolicy(file=file), [error.problem]
    reader = PolicyReader(file=file)
    return reader.read(root), reader.problems


def _require_source(root: Node) -> None:
    """Refuse a compiled policy as a whole: each of its rules would be a problem of its own."""
    if isinstance(root, Mapping) and root.entries.keys() >= _COMPILED_KEYS:
        message = "expected policy.yaml, found what 'authorizer compile' made of it"
        raise UnreadableError(root.location, message, "P101", "compiled")


@dataclass(slots=True)
class PolicyReader(NodeReader):
    """Walks the nodes, builds the policy, and collects what is wrong."""

    def read(self, root: Node) -> SourcePolicy:
        """The policy, which is only good when there are no problems."""
        parts = self.fields(root, KEYS, "the policy", _GROUP_KEYS)
        if parts is None:
            return SourcePolicy(file=self.file)
        self._version(root, parts.get("version"))
        names_to_rules = "{} to map names to rules".format
        policy = SourcePolicy(
            file=self.file,
            groups=tuple(
                self._subject("group", name, location, value)
                for name, location, value in self.named(
                    parts.get("groups"), names_to_rules("groups")
                )
            ),
            scopes=tuple(
                self._subject("scope", name, location, value)
                for name, location, value in self.named(
                    parts.get("scopes"), names_to_rules("scopes")
                )
            ),
            public=tuple(self._rules(parts.get("public"), PUBLIC, "allow")),
            accepted=tuple(self._accepted(parts.get("accept"))),
            tests=parts.get("tests"),
        )
        self._check_includes(policy.groups)
        return policy

    def _version(self, root: Node, node: Node | None) -> None:
        if node is None:
            self.report(
                root.location, "P103", f"expected 'version: {FORMAT_VERSION}', found no version"
            )
        elif not (isinstance(node, Text) and node.text == str(FORMAT_VERSION)):
            self.report(
                node.location, "P103", f"expected version {FORMAT_VERSION}, found {describe(node)}"
            )

    def _subject(self, kind: str, name: str, location: Location, node: Node) -> SourceSubject:
        self._require_name(name, location)
        parts = self._body(kind, name, location, node)
        return SourceSubject(
            name=name,
            location=location,
            includes=tuple(self.scalars(parts.get("includes"), "groups")),
            allow=tuple(self._rules(parts.get("allow"), f"{kind}:{name}", "allow")),
            deny=tuple(self._rules(parts.get("deny"), f"{kind}:{name}", "deny")),
        )

    def _body(self, kind: str, name: str, location: Location, node: Node) -> dict[str, Node]:
        if kind == "scope":
            return self.fields(node, {"allow"}, "a scope") or {}
        if name in _GROUP_KEYS and isinstance(node, Listing):
            message = f"expected {name} below a group, found it beside groups"
            self.report(location, "P105", message, variant="beside")
            return {}
        return self.fields(node, _GROUP_KEYS, "a group") or {}

    def _rules(self, node: Node | None, subject: str, effect: Effect) -> Iterator[SourceRule]:
        for item in self.scalars(node, "rules"):
            try:
                pattern = pattern_of(item.text)
            except RuleSyntaxError as error:
                # The offset is right for a rule on one line, quoted or not.
                self.report(
                    item.location,
                    error.code,
                    str(error),
                    error.offset + item.is_quoted,
                    variant=error.variant,
                    meant=error.meant,
                )
                continue
            if subject == PUBLIC and pattern.conditions:
                message = "expected no {name=claim} in a public route: it has no caller"
                self.report(item.location, "P110", message)
            yield SourceRule(
                effect=effect,
                subject=subject,
                pattern=pattern,
                line=item.location.line,
                location=item.location,
            )

    def _accepted(self, node: Node | None) -> Iterator[Acceptance]:
        for code, location, value in self.named(node, "accept to map codes of findings to reasons"):
            if not isinstance(value, Listing):
                yield from self._acceptance(code, value, location)
                continue
            if not value.items:
                self._no_reason(value)
            for item in value.items:
                yield from self._acceptance(code, item, item.location)

    def _acceptance(self, code: str, node: Node, location: Location) -> Iterator[Acceptance]:
        names = {"about", "reason"}
        is_text = isinstance(node, Text)
        parts = {"reason": node} if is_text else self.fields(node, names, "an acceptance")
        if parts is None:
            return
        texts = {name: self._text(part) for name, part in parts.items()}
        if not texts.get("reason"):
            self._no_reason(node)
        elif "about" in texts and not texts["about"]:
            self.report(
                parts["about"].location, "P113", "expected a text of the finding, found none"
            )
        else:
            yield Acceptance(
                code=code, reason=texts["reason"] or "", about=texts.get("about"), location=location
            )

    def _no_reason(self, node: Node) -> None:
        self.report(
            node.location, "P113", "expected a reason for accepting the finding, found none"
        )

    def _text(self, node: Node) -> str | None:
        if not isinstance(node, Text) or is_null(node):
            return None
        return node.text.strip() or None

    def _check_includes(self, groups: tuple[SourceSubject, ...]) -> None:
        includes = {group.name: [item.text for item in group.includes] for group in groups}
        closure = include_closure(includes)
        for group in groups:
            for item in group.includes:
                if item.text not in includes:
                    hint = self.hint(item.text, includes)
                    message = f"expected a group of this policy, found {clip(item.text)}{hint}"
                    self.report(item.location, "P111", message)
                elif group.name in closure[item.text]:
                    again = f"{clip(item.text)} includes {clip(group.name)} again"
                    self.report(item.location, "P112", f"expected no cycle, but {again}")

    def _require_name(self, name: str, location: Location) -> None:
        if not is_nameable(name):
            self.report(
                location, "P107", f"expected a name without white space, found {clip(name)}"
            )
        if _SURROGATE.search(name):
            # An escape can write half of a surrogate pair, which UTF-8 cannot.
            self.report(location, "P107", f"expected a name of valid Unicode, found {clip(name)}")
