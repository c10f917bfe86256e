"""Working out intrinsic functions, as far as that can be done without deploying.

A parameter has its default's value, which a deployment may override; one without a default is
undecidable, as is what only the account knows (pseudo-parameters, imports, macros). Conditions
follow from the defaults too, but say whether they depend on a parameter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.template.model import Cause, Elsewhere, Mistake, Unresolved
from authorizer.cli.template.nodes import (
    GIVEN,
    Absent,
    Call,
    Completeness,
    Composite,
    Listing,
    Mapping,
    Node,
    Reference,
    Text,
    UndecidedError,
    Unresolvable,
    child,
    parts_of,
    pattern_of,
    referred,
    repetitions,
    why_not_text,
)
from authorizer.cli.template.parameters import Choices, Conditions, Parameters, Verdict
from authorizer.cli.text import did_you_mean
from authorizer.cli.yaml_source import TEMPLATE, compose, read_source
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from authorizer.cli.location import Location

# No text that decides anything is longer, and texts made of texts could grow without end.
MAX_TEXT = 20_000
# What is not worked out here.
_DEPLOYED = {
    *("Condition", "Fn::And", "Fn::Base64", "Fn::Cidr", "Fn::Contains", "Fn::EachMemberEquals"),
    *("Fn::EachMemberIn", "Fn::Equals", "Fn::GetAZs", "Fn::GetStackOutput", "Fn::Length"),
    *("Fn::Not", "Fn::Or", "Fn::RefAll", "Fn::ToJsonString", "Fn::ValueOf", "Fn::ValueOfAll"),
}
# What CloudFormation looks up in the parameter store or among secrets.
_DYNAMIC = "{{resolve:"
_VARIABLE = re.compile(r"(\$\{[^${}]*\})")
# What names no file beside the template: a URI, a path from the root, nothing that can be one.
_NOT_BESIDE = re.compile(r"/|.*(?:://|\0)", re.DOTALL)


class _MalformedError(ValueError):
    """A function's arguments are not those that it takes, such as more than can be unpacked."""


class Intrinsics:
    """The intrinsic functions of one template."""

    def __init__(
        self,
        template: Mapping,
        folder: Path | None,
        choices: Choices | None = None,
        given: dict[str, Node] | None = None,
    ) -> None:
        self.choices = choices or Choices()
        self.parameters = Parameters(
            _section(template, "Parameters"), self.choices, self.get, given
        )
        self._mappings = _section(template, "Mappings")
        self._completeness = Completeness(template)
        written = _section(template, "Conditions")
        self.conditions = Conditions(
            written, self.resolve, self.parameters, completeness=self._completeness
        )
        # Logical ids of resources; what an AWS::Include brings is added by whoever reads them.
        self.names = set(_section(template, "Resources"))
        # Those of them that have a template of their own.
        self.stacks: set[str] = set()
        self._folder = folder
        self._files: dict[str, Node] = {}
        self.repeated: list[Unresolved] = []  # what stands in them twice
        # Nodes are equal to themselves alone.
        self._known: dict[Node, Node] = {}
        self._branches: dict[Node, tuple[tuple[Node, ...], Cause | None]] = {}
        self._functions: dict[str, Callable[[Call], Node]] = {
            "Ref": lambda call: self._named(_literal(call.argument), call.location),
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Transform": self._transform,
            "Fn::ImportValue": self._import_value,
        }

    def resolve(self, node: Node) -> Node:
        """What a node comes to; what it contains is left as it is."""
        if isinstance(node, Mapping) and "Fn::Transform" in node.entries:
            return self._remembered(node, self._with_transform)
        if isinstance(node, Call):
            node = self._remembered(node, self._worked_out)
        if isinstance(node, Text) and _DYNAMIC in node.text:
            return Unresolvable(node.location, f"{clip(node.text)} is looked up when deployed")
        return node

    def _worked_out(self, call: Call) -> Node:
        try:
            return self._functions.get(call.name, self._not_here)(call)
        except UndecidedError as error:
            return Unresolvable(call.location, error.why)
        except ValueError:  # where its arguments are taken apart
            return Unresolvable(call.location, f"{call.name} is not written as it must be")

    def _not_here(self, call: Call) -> Node:
        name = call.name.removeprefix("Fn::")
        if call.name in _DEPLOYED or name.startswith("ForEach"):
            raise UndecidedError(_only_deployed(call))
        known = [known.removeprefix("Fn::") for known in (*_DEPLOYED, *self._functions)]
        why = f"expected a function of CloudFormation's, found {clip(name)}"
        raise UndecidedError(Mistake(why + did_you_mean(name, known), call.location))

    def get(self, node: Node, name: str) -> Node:
        """A mapping's value under a name, worked out."""
        match mapping := self.resolve(node):
            case Unresolvable():
                return mapping
            case Mapping(entries=entries) if name in entries:
                return self.resolve(entries[name])
            case Mapping(open=why) if why:
                return Unresolvable(mapping.location, why)
            case _:
                return Absent(mapping.location)

    def sides(self, call: Call) -> tuple[Verdict, Node, Node] | None:
        """What an ``Fn::If`` chooses by, and between what; nothing where it is no such function."""
        match call.argument:
            case Listing(items=(Text(text=name), then, otherwise)):
                return self.conditions.verdict(name), then, otherwise
            case _:
                return None

    def _remembered(self, node: Node, function: Callable[..., Node]) -> Node:
        if node not in self._known:
            self._known[node] = Unresolvable(node.location, "it is made of itself")
            self._known[node] = function(node)
        return self._known[node]

    def _if(self, call: Call) -> Node:
        match self.sides(call):
            case Verdict(value=None, why=why), _, _:
                raise UndecidedError(why or "its condition is undecidable")
            case Verdict(value=value), then, otherwise:
                return self.resolve(then if value else otherwise)
            case _:
                raise _MalformedError

    # --- references ---

    def _named(self, name: str, location: Location) -> Node:
        if name == "AWS::NoValue":
            return Absent(location)
        if name.startswith("AWS::"):
            if name in self.choices.chosen:
                return Text(location, self.choices.chosen[name])
            return Unresolvable(location, f"{name} is known only when deployed", name)
        if name in self.parameters.written:
            return self.parameters.value(name, location)
        # SAM lets a function's alias be named as ``!Ref Function.Alias``.
        resource, _, attribute = name.partition(".")
        if resource in self.names:
            return self._attribute(location, resource, attribute or None)
        why = f"{clip(name)} is neither a parameter nor a resource"
        return Unresolvable(
            location, self._why_missing(why, resource, location, self.parameters.written)
        )

    def _why_missing(
        self, why: str, name: str, location: Location, others: Iterable[str] = ()
    ) -> Cause:
        """A mistake, where nothing could bring what is named there."""
        if self._completeness.may_be_added(name):
            return why
        return Mistake(f"{why}{did_you_mean(name, [*self.names, *others])}", location)

    def _get_att(self, call: Call) -> Node:
        argument = self.resolve(call.argument)
        items = argument.items if isinstance(argument, Listing) else (argument,)
        written = ".".join(_literal(self.resolve(item)) for item in items)
        name, _, attribute = written.partition(".")
        if name not in self.names:
            why = f"{clip(name)} is no resource of this template"
            raise UndecidedError(self._why_missing(why, name, call.location))
        return self._attribute(call.location, name, attribute)

    def _attribute(self, location: Location, name: str, attribute: str | None) -> Node:
        """Of a resource; that of another stack is whatever its template says."""
        if name in self.stacks and attribute:
            output = attribute.removeprefix("Outputs.")
            why = f"output {output} of {name} is told by another template"
            return Unresolvable(location, Elsewhere(why, ("output", name, output)))
        return Reference(location, name, attribute)

    def _import_value(self, call: Call) -> Node:
        name = self.resolve(call.argument)
        pattern = pattern_of(name)
        raise UndecidedError(
            why_not_text(name)
            if pattern is None
            else Elsewhere(_only_deployed(call), ("import", pattern))
        )

    # --- texts and lists ---

    def _sub(self, call: Call) -> Node:
        template: Node = call.argument
        variables: Node = Absent(call.location)
        if isinstance(template, Listing):
            template, variables = template.items
        pieces = _VARIABLE.split(_literal(template))
        return _joined(call, [self._substituted(piece, variables, call) for piece in pieces])

    def _substituted(self, piece: str, variables: Node, call: Call) -> Node:
        """A piece of text as it is, or what stands for it if it is a name in braces."""
        if not _VARIABLE.fullmatch(piece):
            return Text(call.location, piece)
        if piece.startswith("${!"):
            return Text(call.location, f"${{{piece[3:-1].strip()}}}")
        name = piece[2:-1].strip()
        is_given = isinstance(variables, Mapping) and name in variables.entries
        given = child(variables, name)
        return self.resolve(given) if is_given else self._named(name, call.location)

    def _join(self, call: Call) -> Node:
        separator, listing = _items(call.argument)
        between = Text(separator.location, _literal(separator))
        items = map(self.resolve, self._known_items(listing))
        return _joined(call, [piece for item in items for piece in (between, item)][1:])

    def _select(self, call: Call) -> Node:
        position, listing = _items(call.argument)
        index = _literal(self.resolve(position))
        items = self._known_items(listing)
        if not index.isdecimal():
            raise _MalformedError
        if int(index) >= len(items):
            raise UndecidedError("Fn::Select asks for more than the list has")
        return self.resolve(items[int(index)])

    def _split(self, call: Call) -> Node:
        separator, source = _items(call.argument)
        pieces = self._known_text(source).split(_literal(separator))
        return Listing(call.location, tuple(Text(call.location, piece) for piece in pieces))

    def _known_items(self, node: Node) -> tuple[Node, ...]:
        listing = self.resolve(node)
        if isinstance(listing, Unresolvable):
            raise UndecidedError(listing.why)
        return _items(listing)

    def _known_text(self, node: Node) -> str:
        value = self.resolve(node)
        if not isinstance(value, Text):
            raise UndecidedError(why_not_text(value))
        return value.text

    def _find_in_map(self, call: Call) -> Node:
        name, first, second, *otherwise = _items(call.argument)
        value: Node = Mapping(
            call.location, self._mappings, dict.fromkeys(self._mappings, call.location)
        )
        for item in (name, first, second):
            if isinstance(value, Mapping) and (parameter := referred(item)):
                self.parameters.compare(parameter, value.entries)
            key = self._known_text(item)
            if not isinstance(value, Mapping) or key not in value.entries:
                # A mapping without the entry is refused, and so no deployment at all.
                if otherwise:
                    return self.get(otherwise[0], "DefaultValue")
                self.choices.is_impossible |= referred(item) in self.choices.chosen
                raise UndecidedError(f"the template's mappings have no {clip(key)}")
            value = value.entries[key]
        return self.resolve(value)

    # --- files ---

    def _with_transform(self, mapping: Mapping) -> Node:
        """What is included stands beside what is there, which wins."""
        name = "Fn::Transform"
        found = self._worked_out(Call(mapping.keys[name], name, mapping.entries[name]))
        if not isinstance(found, Mapping):
            found = Mapping(found.location, {}, {}, getattr(found, "why", "it includes no mapping"))
        entries = {key: value for key, _, value in mapping if key != name}
        keys = found.keys | mapping.keys
        return Mapping(mapping.location, found.entries | entries, keys, found.open)

    def _transform(self, call: Call) -> Node:
        name = _literal(self.get(call.argument, "Name"))
        if name != "AWS::Include":
            raise UndecidedError(f"the macro {clip(name)} runs only when deployed")
        return self.file(self.get(self.get(call.argument, "Parameters"), "Location"), call.location)

    def file(self, uri: Node, location: Location) -> Node:
        """What stands in another file, where that is one beside the template."""
        match uri:
            case Unresolvable():
                return uri
            case Mapping():
                why: Cause = "it is kept in a bucket"
            case Text(text=name) if self._folder and not _NOT_BESIDE.match(name):
                if name not in self._files:
                    self._files[name] = Unresolvable(location, f"{clip(name)} includes itself")
                    self._files[name] = self._read_file(self._folder / name, name, location)
                return self._files[name]
            case Text(text=name):
                why = f"{clip(name)} is not a file beside the template"
            case _:
                why = why_not_text(uri)
        return Unresolvable(location, why)

    def _read_file(self, path: Path, name: str, location: Location) -> Node:
        why = f"there is no file {clip(name)} beside the template"
        try:
            if path.is_file():
                found = compose(read_source(path), str(path), TEMPLATE)
                self.repeated += repetitions(found)
                return self.resolve(found)
        except OSError as error:
            why = f"{clip(name)} cannot be read: {error.strerror}"
        except ConfigurationError as error:
            why = error.problems[0]
        return Unresolvable(location, why)


def _section(template: Mapping, name: str) -> dict[str, Node]:
    section = template.entries.get(name)
    return section.entries if isinstance(section, Mapping) else {}


def _only_deployed(call: Call) -> str:
    return f"{call.name} is decided only when deployed"


def _items(node: Node) -> tuple[Node, ...]:
    """What stands in a list that must stand there."""
    if not isinstance(node, Listing):
        raise _MalformedError
    return node.items


def _literal(node: Node) -> str:
    """A text that must stand there, as it is written."""
    if not isinstance(node, Text):
        raise _MalformedError
    return node.text


def _joined(call: Call, pieces: list[Node]) -> Node:
    found = [part for piece in pieces for part in parts_of(piece) if not isinstance(part, Absent)]
    parts = [part for part in found if isinstance(part, Text | Reference | Unresolvable)]
    if len(parts) != len(found):
        raise _MalformedError
    parts = [part for part in parts if not isinstance(part, Text) or part.text]
    if sum(len(part.text) if isinstance(part, Text) else 1 for part in parts) > MAX_TEXT:
        raise UndecidedError(f"{call.name} makes a text of more than {MAX_TEXT} characters")
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) == len(parts):
        is_given = any(getattr(piece, "kind", None) == GIVEN for piece in pieces)
        return Text(call.location, "".join(texts), GIVEN if is_given else "str")
    return parts[0] if len(parts) == 1 else Composite(call.location, tuple(parts))
