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


# Conditions that name conditions; more is a circle.
_DEEPEST = 20
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
        self._of_sam = (*_OF_SAM, *_resources_of_sam(template))
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


def _resources_of_sam(template: Mapping) -> list[str]:
    resources = child(template, "Resources")
    return [
        name
        for name, _, body in (resources if isinstance(resources, Mapping) else ())
        if isinstance(kind := child(body, "Type"), Text)
        and kind.text.startswith("AWS::Serverless::")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a condition comes to.

    Attributes:
        value: under the parameters' defaults; nothing where that cannot be decided.
        why: what it depends on; nothing where no deployment can change it.
    """

    value: bool | None
    why: Cause | None


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
            self._verdicts[known] = (
                self._judge(self._conditions[name], f"condition {name}")
                if name in self._conditions
                else _unresolved(self._why_missing(name))
            )
            self._offer_the_other(name, self._verdicts[known])
        return self._verdicts[known]

    def _offer_the_other(self, name: str, verdict: Verdict) -> None:
        """What several parameters must be for a condition to come out the other way."""
        if verdict.why is not None and name in self._conditions:
            for value in (True, False):
                chosen = self._making(self._conditions[name], value=value)
                if value is not verdict.value and chosen:
                    self._parameters.offer_together(chosen)

    def _why_missing(self, name: str) -> Cause:
        why = f"the template has no condition {clip(name)}"
        return (
            Mistake(why + did_you_mean(name, self._conditions))
            if self._completeness.is_complete
            else why
        )

    def _judge(self, node: Node, what: str) -> Verdict:
        call = _as_call(node)
        if call is None:
            return _unresolved(f"{what} is no condition")
        node = call
        if node.name == "Condition" and isinstance(node.argument, Text):
            return self.verdict(node.argument.text)
        if node.name not in {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"}:
            return _unresolved(f"{what} uses {node.name}")
        if not isinstance(node.argument, Listing):
            return _unresolved(f"{what} is no condition")
        if node.name == "Fn::Equals":
            return self._equals(node.argument, what)
        return _combined(node.name, [self._judge(item, what) for item in node.argument.items], what)

    def _equals(self, pair: Listing, what: str) -> Verdict:
        if len(pair.items) != 2:  # noqa: PLR2004 - two values are compared
            return _unresolved(f"{what} is no condition")
        sides = [self._resolve(item) for item in pair.items]
        for item, other in zip(pair.items, reversed(sides), strict=True):
            if (name := referred(item)) and isinstance(other, Text):
                self._parameters.compare(name, [other.text])
        reasons = [self._depends_on(item) for item in pair.items]
        dependence = next((reason for reason in reasons if reason), None)
        why = f"{what} depends on {dependence}" if dependence else None
        texts = [side.text for side in sides if isinstance(side, Text)]
        if len(texts) != len(sides):
            return _unresolved(why or f"{what} depends on what is known only when deployed")
        return Verdict(value=texts[0] == texts[1], why=why)

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

    # --- what makes it come out otherwise ---

    def _making(self, node: Node, *, value: bool, depth: int = _DEEPEST) -> dict[str, str] | None:
        """What to choose for a condition to come out so; nothing where that was not found.

        Args:
            node: the condition.
            value: what it is to come to.
            depth: how many conditions it may go through.
        """
        call = _as_call(node)
        if call is None or depth == 0:
            return None
        if call.name == "Condition" and isinstance(call.argument, Text):
            named = self._conditions.get(call.argument.text, call.argument)
            return self._making(named, value=value, depth=depth - 1)
        parts = call.argument.items if isinstance(call.argument, Listing) else ()
        if call.name == "Fn::Equals":
            return self._equal(parts, value=value)
        if call.name == "Fn::Not":
            value = not value
        found = [self._making(part, value=value, depth=depth - 1) for part in parts]
        is_enough = value is (call.name == "Fn::Or")
        chosen = [choice for choice in found if choice is not None]
        return next(iter(chosen), None) if is_enough else _all_of(found)

    def _equal(self, pair: Sequence[Node], *, value: bool) -> dict[str, str] | None:
        """For a parameter and a text; two texts are as they are."""
        texts = [side.text for side in pair if isinstance(side, Text)]
        if len(texts) == 2:  # noqa: PLR2004 - both sides
            return {} if (texts[0] == texts[1]) is value else None
        names = [name for side in pair if (name := referred(side)) and name in self._parameters]
        if not (names and texts):
            return None
        chosen = self._parameters.value_that(names[0], texts[0], is_equal=value)
        return None if chosen is None else {names[0]: chosen}


def _unresolved(why: Cause) -> Verdict:
    return Verdict(value=None, why=why)


def _combined(name: str, parts: list[Verdict], what: str) -> Verdict:
    values = [part.value for part in parts]
    why = next((part.why for part in parts if part.why), None)
    if name == "Fn::Not":
        value = None if len(values) != 1 or values[0] is None else not values[0]
        return Verdict(
            value=value, why=why if value is not None else why or f"{what} is undecidable"
        )
    decisive = name == "Fn::Or"
    sure = any(part.value is decisive and part.why is None for part in parts)
    if decisive in values:
        return Verdict(value=decisive, why=None if sure else why)
    if None in values:
        return _unresolved(why or f"{what} is undecidable")
    return Verdict(value=not decisive, why=why)


def _as_call(node: Node) -> Call | None:
    """A condition as the function that it is."""
    if isinstance(node, Mapping) and set(node.entries) == {"Condition"}:
        return Call(node.place, "Condition", node.entries["Condition"])
    return node if isinstance(node, Call) else None


def _all_of(parts: Sequence[dict[str, str] | None]) -> dict[str, str] | None:
    """All of them together, where none contradicts another one."""
    together: dict[str, str] = {}
    for part in parts:
        if part is None or any(together.get(name, text) != text for name, text in part.items()):
            return None
        together |= part
    return together
