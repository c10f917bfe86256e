"""Conditions: what they come to under the parameters' defaults, and what could change that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.cli.template.model import Mistake
from authorizer.cli.template.nodes import (
    Absent,
    Call,
    Listing,
    Mapping,
    Node,
    Text,
    child,
    referred,
    within,
)
from authorizer.cli.text import did_you_mean
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authorizer.cli.template.model import Cause
    from authorizer.cli.template.parameters import Parameters


# Values of parameters, by their names.
_Chosen = dict[str, str]
# Transforms that bring no names, but for SAM's.
_KNOWN = ("AWS::Serverless-2016-10-31", "AWS::SecretsManager-", "AWS::CodeDeployBlueGreen")
_SECTIONS = ("Conditions", "Mappings", "Parameters", "Resources")
# SAM's own resources that are made for none of the template's.
_OF_SAM = ("Serverless", "CodeDeployServiceRole")


class Completeness:
    """Whether a template is all there is, so that a name that nothing in it has is a mistake.

    Macros, loops and includes may bring what a name stands for; SAM brings resources whose names
    begin with those that they are made for, such as ``HelloRole`` for ``Hello``.

    Attributes:
        is_complete: whether nothing but SAM can add names.
    """

    def __init__(self, template: Mapping) -> None:
        """Take the template as it is written."""
        resources = child(template, "Resources")
        self._of_sam = [
            *_OF_SAM,
            *(
                name
                for name, _, body in (resources if isinstance(resources, Mapping) else ())
                if isinstance(kind := child(body, "Type"), Text)
                and kind.text.startswith("AWS::Serverless::")
            ),
        ]
        self.is_complete = "Resources" in template.entries and not (
            _runs_macros(child(template, "Transform"))
            or any(name.startswith("Fn::") for name in template.entries)
            or any(_has_loops(child(template, name)) for name in _SECTIONS)
        )

    def may_be_added(self, name: str) -> bool:
        """Whether a resource of that name may come to be, although it is not written."""
        return not self.is_complete or any(
            name.startswith(known) and not name[len(known) :][:1].islower()
            for known in self._of_sam
        )


def _runs_macros(transform: Node) -> bool:
    items = transform.items if isinstance(transform, Listing) else (transform,)
    return not all(
        isinstance(item, Absent) or (isinstance(item, Text) and item.text.startswith(_KNOWN))
        for item in items
    )


def _has_loops(section: Node) -> bool:
    if not isinstance(section, Mapping):
        return not isinstance(section, Absent)
    return section.open is not None or any(name.startswith("Fn::") for name in section.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a condition comes to.

    Attributes:
        value: under the parameters' defaults; nothing where that cannot be decided.
        why: what it depends on; nothing where no deployment can change it.
        making: values of parameters with which it does not hold, and with which it does; nothing
            where none were found.
    """

    value: bool | None
    why: Cause | None
    making: tuple[_Chosen | None, _Chosen | None] = (None, None)


class Conditions:
    """The conditions of one template."""

    def __init__(
        self,
        conditions: dict[str, Node],
        resolve: Callable[[Node], Node],
        parameters: Parameters,
        *,
        completeness: Completeness,
    ) -> None:
        """Take them, and whether there can be others."""
        self._conditions = conditions
        self._completeness = completeness
        self._resolve = resolve
        self._parameters = parameters
        # What is looked at while nobody watches is looked at again.
        self._verdicts: dict[tuple[str, bool], Verdict] = {}

    def verdict(self, name: str) -> Verdict:
        """What a condition of the template comes to."""
        known = name, self._parameters.are_watched
        if known not in self._verdicts:
            # While it is being worked out, a condition that depends on itself is undecidable.
            self._verdicts[known] = _unresolved(f"condition {name} depends on itself")
            verdict = self._verdicts[known] = self._named(name)
            for value in (True, False):
                chosen = verdict.making[value]
                if verdict.why is not None and value is not verdict.value and chosen:
                    self._parameters.offer_together(chosen)
        return self._verdicts[known]

    def _named(self, name: str) -> Verdict:
        if name in self._conditions:
            return self._judge(self._conditions[name], f"condition {name}")
        why: Cause = f"the template has no condition {clip(name)}"
        if self._completeness.is_complete:
            why = Mistake(f"{why}{did_you_mean(name, self._conditions)}")
        return _unresolved(why)

    def _judge(self, node: Node, what: str) -> Verdict:
        if isinstance(node, Mapping) and set(node.entries) == {"Condition"}:
            node = Call(node.place, "Condition", node.entries["Condition"])
        if not isinstance(node, Call):
            return _unresolved(f"{what} is no condition")
        if node.name == "Condition" and isinstance(node.argument, Text):
            return self.verdict(node.argument.text)
        if node.name not in {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"}:
            return _unresolved(f"{what} uses {node.name}")
        if not isinstance(node.argument, Listing):
            return _unresolved(f"{what} is no condition")
        if node.name == "Fn::Equals":
            return self._equals(node.argument.items, what)
        parts = [self._judge(item, what) for item in node.argument.items]
        return _negated(parts, what) if node.name == "Fn::Not" else _joined(node.name, parts)

    def _equals(self, pair: Sequence[Node], what: str) -> Verdict:
        if len(pair) != 2:  # noqa: PLR2004 - two values are compared
            return _unresolved(f"{what} is no condition")
        sides = [self._resolve(item) for item in pair]
        for item, other in zip(pair, reversed(sides), strict=True):
            if (name := referred(item)) and isinstance(other, Text):
                self._parameters.compare(name, [other.text])
        reasons = [self._depends_on(item) for item in pair]
        dependence = next((reason for reason in reasons if reason), None)
        why = f"{what} depends on {dependence}" if dependence else None
        making = (self._making(pair, is_equal=False), self._making(pair, is_equal=True))
        texts = [side.text for side in sides if isinstance(side, Text)]
        if len(texts) != len(sides):
            why = why or f"{what} depends on what is known only when deployed"
            return Verdict(value=None, why=why, making=making)
        return Verdict(value=texts[0] == texts[1], why=why, making=making)

    def _depends_on(self, node: Node) -> str | None:
        """The first reference in a node: only literals and mappings are always the same."""
        for part in within(node):
            if not isinstance(part, Call):
                continue
            if part.name == "Ref" and isinstance(part.argument, Text):
                name = part.argument.text
                if not self._parameters.is_chosen(name):
                    return name if name.startswith("AWS::") else f"parameter {name}"
            elif part.name not in {"Fn::FindInMap", "Fn::Join", "Fn::Select", "Fn::Split"}:
                return part.name
        return None

    def _making(self, pair: Sequence[Node], *, is_equal: bool) -> _Chosen | None:
        """What makes a parameter equal to a text, or not; two texts are as they are."""
        texts = [side.text for side in pair if isinstance(side, Text)]
        if len(texts) == 2:  # noqa: PLR2004 - both sides
            return {} if (texts[0] == texts[1]) is is_equal else None
        names = [name for side in pair if (name := referred(side)) and name in self._parameters]
        if not (names and texts):
            return None
        chosen = self._parameters.value_that(names[0], texts[0], is_equal=is_equal)
        return None if chosen is None else {names[0]: chosen}


def _unresolved(why: Cause) -> Verdict:
    return Verdict(value=None, why=why)


def _negated(parts: Sequence[Verdict], what: str) -> Verdict:
    if len(parts) != 1:
        return _unresolved(_first_why(parts) or f"{what} is undecidable")
    value = None if parts[0].value is None else not parts[0].value
    fails, holds = parts[0].making
    return Verdict(value=value, why=parts[0].why, making=(holds, fails))


def _joined(name: str, parts: Sequence[Verdict]) -> Verdict:
    """Of several conditions of which one is enough for one value, and all are needed for the other.

    One that holds is enough for ``Fn::Or``, and one that does not for ``Fn::And``.
    """
    decisive = name == "Fn::Or"
    one = next((part.making[decisive] for part in parts if part.making[decisive] is not None), None)
    every = _all_of([part.making[not decisive] for part in parts])
    making = (every, one) if decisive else (one, every)
    values = [part.value for part in parts]
    if any(part.value is decisive and part.why is None for part in parts):
        return Verdict(value=decisive, why=None, making=making)
    other = None if None in values else not decisive
    value = decisive if decisive in values else other
    return Verdict(value=value, why=_first_why(parts), making=making)


def _first_why(parts: Sequence[Verdict]) -> Cause | None:
    return next((part.why for part in parts if part.why), None)


def _all_of(parts: Sequence[_Chosen | None]) -> _Chosen | None:
    """All of them together, where none contradicts another one."""
    together: _Chosen = {}
    for part in parts:
        if part is None or any(together.get(name, text) != text for name, text in part.items()):
            return None
        together |= part
    return together
