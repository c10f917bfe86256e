"""From the nodes of ``policy.yaml`` to a :class:`SourcePolicy`, with every problem on the way.

This is the one place that knows the file's schema. What a policy *means* is judged elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from authorizer.cli.location import Location
from authorizer.cli.policy_file.grammar import SyntaxProblem, syntax_problem
from authorizer.cli.policy_file.source import (
    Acceptance,
    PublicRoute,
    SourceGroup,
    SourceName,
    SourcePolicy,
    SourceRule,
    SourceScope,
)
from authorizer.cli.yaml_source import NodeReader, describe, is_null
from authorizer.errors import clip
from authorizer.policy.compiled import FORMAT_VERSION
from authorizer.policy.paths import RoutePattern, RouteSyntaxError, parse_pattern
from authorizer.tokens.claims import is_nameable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.policy.model import Effect

KEYS = {"accept", "groups", "public", "scopes", "tests", "version"}
_GROUP_KEYS = {"allow", "deny", "includes"}
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class PolicyReader(NodeReader):
    """Walks the nodes, builds the policy, and collects what is wrong.

    Attributes:
        file: as the user named it, for places.
    """

    file: str = "policy.yaml"

    def read(self, root: yaml.Node) -> SourcePolicy:
        """The policy, which is only good when there are no problems."""
        parts = self.fields(root, KEYS, "the policy", _GROUP_KEYS)
        if parts is None:
            return SourcePolicy(file=self.file)
        self._version(root, parts.get("version"))
        names_to_rules = "{} to map names to rules".format
        policy = SourcePolicy(
            file=self.file,
            groups=tuple(
                self._group(key, value)
                for key, value in self.named(parts.get("groups"), names_to_rules("groups"))
            ),
            scopes=tuple(
                self._scope(key, value)
                for key, value in self.named(parts.get("scopes"), names_to_rules("scopes"))
            ),
            public=tuple(self._public(parts.get("public"))),
            accepted=tuple(self._accepted(parts.get("accept"))),
            tests=parts.get("tests"),
        )
        self._check_includes(policy.groups)
        return policy

    def _version(self, root: yaml.Node, node: yaml.Node | None) -> None:
        if node is None:
            self.report(root, "P103", f"expected 'version: {FORMAT_VERSION}', found no version")
        elif not (isinstance(node, yaml.ScalarNode) and node.value == str(FORMAT_VERSION)):
            self.report(node, "P103", f"expected version {FORMAT_VERSION}, found {describe(node)}")

    def _group(self, key: yaml.ScalarNode, node: yaml.Node) -> SourceGroup:
        name = self._name(key)
        parts = self._body(key, node)
        return SourceGroup(
            name=name,
            place=self._place(key),
            includes=tuple(
                SourceName(name=item.value, place=self._place(item))
                for item in self.scalars(parts.get("includes"), "groups")
            ),
            allow=tuple(self._rules(parts.get("allow"), f"group:{name}", "allow")),
            deny=tuple(self._rules(parts.get("deny"), f"group:{name}", "deny")),
        )

    def _body(self, key: yaml.ScalarNode, node: yaml.Node) -> dict[str, yaml.Node]:
        if key.value in _GROUP_KEYS and isinstance(node, yaml.SequenceNode):
            message = f"expected {key.value} below a group, found it beside groups"
            self.report(key, "P105", message, variant="beside")
            return {}
        return self.fields(node, _GROUP_KEYS, "a group") or {}

    def _scope(self, key: yaml.ScalarNode, node: yaml.Node) -> SourceScope:
        name = self._name(key)
        parts = self.fields(node, {"allow"}, "a scope") or {}
        return SourceScope(
            name=name,
            place=self._place(key),
            allow=tuple(self._rules(parts.get("allow"), f"scope:{name}", "allow")),
        )

    def _rules(self, node: yaml.Node | None, subject: str, effect: Effect) -> Iterator[SourceRule]:
        for item, pattern in self._patterns(node):
            yield SourceRule(
                text=pattern.text,
                pattern=pattern,
                subject=subject,
                effect=effect,
                place=self._place(item),
            )

    def _public(self, node: yaml.Node | None) -> Iterator[PublicRoute]:
        for item, pattern in self._patterns(node):
            if pattern.conditions:
                self.report(
                    item, "P110", "expected no {name=claim} in a public route: it has no caller"
                )
            yield PublicRoute(text=pattern.text, pattern=pattern, place=self._place(item))

    def _patterns(self, node: yaml.Node | None) -> Iterator[tuple[yaml.ScalarNode, RoutePattern]]:
        for item in self.scalars(node, "rules"):
            try:
                yield item, parse_pattern(item.value)
            except RouteSyntaxError as error:
                problem = syntax_problem(item.value) or SyntaxProblem(message=str(error))
                # The offset is right for a rule on one line, quoted or not.
                shift = problem.offset + (item.style in {"'", '"'})
                self.report(
                    item,
                    problem.code,
                    problem.message,
                    shift,
                    variant=problem.variant,
                    meant=problem.meant,
                )

    def _accepted(self, node: yaml.Node | None) -> Iterator[Acceptance]:
        for key, value in self.named(node, "accept to map codes of findings to reasons"):
            if not isinstance(value, yaml.SequenceNode):
                yield from self._acceptance(key.value, value, self._place(key))
                continue
            if not value.value:
                self._no_reason(value)
            for item in value.value:
                if not self.is_affordable(item):
                    return
                yield from self._acceptance(key.value, item, self._place(item))

    def _acceptance(self, code: str, node: yaml.Node, place: Location) -> Iterator[Acceptance]:
        parts: dict[str, yaml.Node] = {"reason": node}
        if not isinstance(node, yaml.ScalarNode):
            fields = self.fields(node, {"about", "reason"}, "an acceptance")
            if fields is None:
                return
            parts = fields
        texts = {name: self._text(part) for name, part in parts.items()}
        if not texts.get("reason"):
            self._no_reason(node)
        elif "about" in texts and not texts["about"]:
            self.report(parts["about"], "P113", "expected a text of the finding, found none")
        else:
            yield Acceptance(
                code=code, reason=texts["reason"] or "", about=texts.get("about"), place=place
            )

    def _no_reason(self, node: yaml.Node) -> None:
        self.report(node, "P113", "expected a reason for accepting the finding, found none")

    def _text(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or is_null(node):
            return None
        text: str = node.value.strip()
        return text or None

    def _check_includes(self, groups: tuple[SourceGroup, ...]) -> None:
        includes = {group.name: [item.name for item in group.includes] for group in groups}
        reachable: dict[str, set[str]] = {}
        for group in groups:
            for item in group.includes:
                if item.name not in includes:
                    hint = self.hint(item.name, includes)
                    self.report_at(
                        item.place.line,
                        item.place.column,
                        "P111",
                        f"expected a group of this policy, found {clip(item.name)}{hint}",
                    )
                    continue
                if item.name not in reachable:
                    reachable[item.name] = _reachable(includes, item.name)
                if group.name in reachable[item.name]:
                    self.report_at(
                        item.place.line,
                        item.place.column,
                        "P112",
                        f"expected no cycle, but {clip(item.name)} includes "
                        f"{clip(group.name)} again",
                    )

    def _name(self, key: yaml.ScalarNode) -> str:
        name: str = key.value
        if not is_nameable(name):
            self.report(key, "P107", f"expected a name without white space, found {clip(name)}")
        if _SURROGATE.search(name):
            # An escape can write half of a surrogate pair, which UTF-8 cannot.
            self.report(key, "P107", f"expected a name of valid Unicode, found {clip(name)}")
        return name

    def _place(self, node: yaml.Node) -> Location:
        mark = node.start_mark
        return Location(file=self.file, line=mark.line + 1, column=mark.column + 1)


def _reachable(includes: dict[str, list[str]], start: str) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        new = set(includes.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found
