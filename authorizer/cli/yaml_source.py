"""From bytes to nodes, each with its place: YAML and JSON, of policies, tests and templates.

A scalar keeps the text that stands there: a group called ``no`` or ``1e3`` is that, and a version
``2.0`` can be told from ``"2.0"``. Nothing here knows what a document means.

Nodes are built from the parser's events, one at a time and without recursion: that a document is
too deep, or that its aliases stand for too much, is noticed before it costs anything. JSON is read
as the YAML that it is but for tabs between its tokens and pairs of surrogates in its texts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from authorizer.cli.location import Location, UnreadableError
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A policy of ten thousand rules has about half of this.
MAX_DOCUMENT_BYTES = 1024 * 1024
# CloudFormation takes templates of 1 MB, API Gateway definitions of 6 MB.
MAX_TEMPLATE_BYTES = 6 * 1024 * 1024
# Deep for a template (CloudFormation's own nesting ends far above), shallow for Python.
MAX_DEPTH = 100

_TAG = "tag:yaml.org,2002:"
_SCALARS = {"str", "int", "float", "bool", "null", "merge", "timestamp", "value", "binary"}
# What YAML itself says of a value. In a policy, any other tag would ask for what is not done here.
_PLAIN_TAGS = {None, "!", *(_TAG + kind for kind in ("bool", "float", "int", "null", "str"))}
_PLAIN_TAGS |= {f"{_TAG}map", f"{_TAG}seq"}
# Everything in JSON that may hold a tab: texts, which keep theirs, and the blanks between.
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\t')
# By the first character of a scalar that is not quoted, what it may be, and how that looks.
_RESOLVERS: dict[Any, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


# --- nodes ---


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value, and where it stands."""

    location: Location


@dataclass(frozen=True, slots=True, eq=False)
class Text(Node):
    """A scalar.

    Attributes:
        kind: what YAML takes it for: ``str``, ``int``, ``float``, ``bool``, ``null``, ...
        is_quoted: whether it begins after its place, behind a quote.
    """

    text: str
    kind: str = "str"
    is_quoted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Listing(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(Node):
    """A mapping from texts.

    Attributes:
        entries: in the order in which they stand.
        keys: where each name stands.
        open: why there may be more entries than are known, in the terms of whoever found that;
            nothing where there are none.
        rejected: keys that count for nothing: no texts, or names that stand there before; in a
            template, where the last one counts, those that stand there again.
    """

    entries: dict[str, Node]
    keys: dict[str, Location]
    open: Any = None
    rejected: tuple[Node, ...] = ()

    def __iter__(self) -> Iterator[tuple[str, Location, Node]]:
        return ((name, self.keys[name], value) for name, value in self.entries.items())


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    """An intrinsic function, by its long name: ``Ref``, ``Fn::GetAtt``, ``Condition``."""

    name: str
    argument: Node


# --- documents ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a document may have.

    Attributes:
        expected: what it is, for a message.
        max_weight: nodes and characters with every alias written out. What has no alias may weigh
            whatever its bytes do: an empty value weighs more than its character.
        loader: PyYAML's own tells better what is wrong, libyaml is ten times faster.
        is_template: whether tags are intrinsic functions, mappings are merged, and the last of
            equal names counts, as SAM and CloudFormation have it; a policy has nothing of that.
    """

    expected: str
    max_bytes: int
    max_weight: int
    loader: Any
    is_template: bool


POLICY = Dialect(
    expected="a policy that starts with 'version: 1'",
    max_bytes=MAX_DOCUMENT_BYTES,
    max_weight=MAX_DOCUMENT_BYTES,
    loader=yaml.SafeLoader,
    is_template=False,
)
TEMPLATE = Dialect(
    expected="a template",
    max_bytes=MAX_TEMPLATE_BYTES,
    max_weight=16_000_000,
    loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    is_template=True,
)


def read_source(path: Path) -> bytes:
    """A template's bytes, or of one that is too large enough to be refused.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(MAX_TEMPLATE_BYTES + 1)


def compose(data: bytes, file: str, dialect: Dialect = POLICY) -> Node:
    """Read one document.

    Args:
        data: the file's bytes.
        file: its name, for the places.
        dialect: what it may have.

    Raises:
        UnreadableError: with the place of whatever is not YAML or not JSON.
    """
    start = Location(file=file)
    if len(data) > dialect.max_bytes:
        found = "more" if dialect.is_template else len(data)
        message = f"expected at most {dialect.max_bytes} bytes, found {found}"
        raise UnreadableError(start, message, "P101")
    text = ""
    try:
        text = data.decode("utf-8-sig")
        events = yaml.parse(_plain(text) if dialect.is_template else text, Loader=dialect.loader)
        return _Composer(file, dialect).document(events)
    except UnicodeDecodeError as error:
        found = f"0x{data[error.start]:02x} at byte {error.start}"
        raise UnreadableError(start, f"expected UTF-8, found {found}", "P101") from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(file, text, error) from error
    except yaml.reader.ReaderError as error:
        # libyaml counts bytes, and of a text in its own encoding.
        before = text[: error.position] if error.encoding == "unicode" else ""
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        location = Location(file=file, line=line, column=column) if before else start
        raise UnreadableError(location, f"expected YAML: {error.reason}") from error
    except (OverflowError, ValueError, AttributeError) as error:
        # PyYAML does not guard "\\U00110000", nor a %YAML version of thousands of digits.
        raise UnreadableError(start, "expected YAML, found a number out of range") from error


def _syntax_error(file: str, text: str, error: yaml.MarkedYAMLError) -> UnreadableError:
    """What YAML says, which has no codes: its words alone tell one mistake from another."""
    problem = str(error.problem or error.context)
    mark: Any = error.problem_mark or error.context_mark
    hint = "; quote a rule that has braces inside [ ]" if "'{'" in problem else ""
    variant = "column" if "<block end>" in problem else ""
    if text[mark.index : mark.index + 1] == "\t":
        variant = "tab"
    return UnreadableError(
        _location(file, mark), f"expected YAML: {problem}{hint}", variant=variant
    )


def _plain(text: str) -> str:
    """JSON as YAML that is equal to it, each token at its own place; YAML as it is."""
    if not text.lstrip().startswith("{") or ("\t" not in text and "\\u" not in text):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _JSON_TOKEN.sub(lambda token: _plain_token(token[0]), text)


def _plain_token(token: str) -> str:
    if token == "\t":
        return " "
    # A pair stands for one character, which YAML writes with one escape only.
    return _SURROGATES.sub(
        lambda pair: (
            f"\\U{0x10000 + ((int(pair[1], 16) & 0x3FF) << 10) + (int(pair[2], 16) & 0x3FF):08x}"
        ),
        token,
    )


def _location(file: str, mark: Any) -> Location:  # noqa: ANN401 - yaml's
    return Location(file=file, line=mark.line + 1, column=mark.column + 1)


# The event that a list or a mapping begins with, and what has been read of it.
_Frame = tuple[Any, list[Node]]


class _Composer:
    """Puts nodes together from events."""

    def __init__(self, file: str, dialect: Dialect) -> None:
        self._file = file
        self._dialect = dialect
        # An anchor whose node is not at its end yet has none. Under nothing is what has no anchor.
        self._anchors: dict[str | None, Node | None] = {}
        self._weights: dict[int, int] = {}
        self._has_aliases = False

    def document(self, events: Iterator[Any]) -> Node:
        """The one document among the events."""
        frames: list[_Frame] = []
        root: Node | None = None
        for event in events:
            node = self._node(event, frames)
            if node is None:
                continue
            if frames:
                frames[-1][1].append(node)
            elif root is None:
                root = node
            else:
                raise UnreadableError(node.location, "expected one document, found another")
        if root is None:
            message = f"expected {self._dialect.expected}, found nothing"
            raise UnreadableError(Location(file=self._file), message, variant="empty")
        return root

    def _node(self, event: Any, frames: list[_Frame]) -> Node | None:  # noqa: ANN401 - yaml's
        """The node that ends with this event."""
        tag = getattr(event, "tag", None)
        if tag not in _PLAIN_TAGS and not self._dialect.is_template:
            message = (
                f"expected plain YAML, found {clip(tag)}: nothing is worked out in this file; "
                "if it is a template, give it with --template"
            )
            raise UnreadableError(_location(self._file, event.start_mark), message, "P105", "tag")
        match event:
            case yaml.AliasEvent():
                return self._alias(event)
            case yaml.ScalarEvent():
                text = event.value
                if self._dialect.is_template:
                    # Half a pair of surrogates can be escaped, but not printed.
                    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
                is_quoted = event.style in {"'", '"'}
                node = Text(_location(self._file, event.start_mark), text, _kind(event), is_quoted)
                return self._finished(event, node, 1 + len(text))
            case yaml.CollectionEndEvent():
                return self._collection(*frames.pop())
            case yaml.CollectionStartEvent():
                if len(frames) == MAX_DEPTH:
                    message = f"expected at most {MAX_DEPTH} levels of nesting, found more"
                    raise UnreadableError(_location(self._file, event.start_mark), message)
                frames.append((event, []))
                self._anchors[event.anchor] = None
        return None

    def _collection(self, event: Any, children: list[Node]) -> Node:  # noqa: ANN401 - yaml's
        location = _location(self._file, event.start_mark)
        weight = 1 + sum(self._weights[id(child)] for child in children)
        if self._has_aliases and weight > self._dialect.max_weight:
            message = f"expected at most {self._dialect.max_bytes} characters with all aliases"
            message += " written out, found aliases without measure"
            raise UnreadableError(location, message, "P101")
        node: Node = Listing(location, tuple(children))
        if isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(location, children)
        return self._finished(event, node, weight)

    def _finished(self, event: Any, node: Node, weight: int) -> Node:  # noqa: ANN401 - yaml's
        """A node with what its tag makes of it, and by the name of its anchor."""
        if self._dialect.is_template:
            node = _called(node, event.tag)
        self._weights[id(node)] = weight
        self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:  # noqa: ANN401 - yaml's
        location, name = _location(self._file, event.start_mark), event.anchor
        if name not in self._anchors:
            raise UnreadableError(location, f"expected an anchor {clip(name)}, found none")
        self._has_aliases = True
        node = self._anchors[name]
        if node is None:
            raise UnreadableError(location, f"expected no alias within its own anchor {clip(name)}")
        return node

    def _mapping(self, location: Location, children: list[Node]) -> Node:
        is_template = self._dialect.is_template
        entries: dict[str, Node] = {}
        keys: dict[str, Location] = {}
        merged: list[Node] = []
        rejected: list[Node] = []
        for key, value in zip(children[::2], children[1::2], strict=True):
            if is_template and not isinstance(key, Text):
                message = "expected a name, found a list or a mapping"
                raise UnreadableError(key.location, message)
            if not isinstance(key, Text) or (key.text in entries and not is_template):
                rejected.append(key)
            elif key.kind == "merge" and is_template:
                merged += value.items if isinstance(value, Listing) else (value,)
            else:
                if key.text in entries:
                    rejected.append(Text(keys[key.text], key.text))
                entries[key.text], keys[key.text] = value, key.location
        for source in merged:
            _merge(source, entries, keys)
        mapping = Mapping(location, entries, keys, rejected=tuple(rejected))
        return _long_form(mapping) if is_template else mapping


def _merge(source: Node, entries: dict[str, Node], keys: dict[str, Location]) -> None:
    """What stands in the mapping itself wins, then what is merged first."""
    if not isinstance(source, Mapping):
        message = "expected a mapping to merge, found something else"
        raise UnreadableError(source.location, message)
    for name, location, value in source:
        if name not in entries:
            entries[name], keys[name] = value, location


def _long_form(mapping: Mapping) -> Node:
    """``{"Fn::Sub": ...}`` is a function, ``{"Condition": ...}`` only where conditions stand."""
    if len(mapping.entries) == 1:
        ((name, location, argument),) = mapping
        if name == "Ref" or (name.startswith("Fn::") and "Fn::ForEach" not in name):
            return Call(location, name, argument)
    return mapping


def _called(node: Node, tag: str | None) -> Node:
    """A node under a short form such as ``!GetAtt`` is the function's argument."""
    mark, name = (tag or "")[:1], (tag or "")[1:]
    if mark != "!" or not name:
        return node
    return Call(node.location, name if name in {"Ref", "Condition"} else f"Fn::{name}", node)


def _kind(event: Any) -> str:  # noqa: ANN401 - yaml's
    """What YAML takes a scalar for: by its tag, or unquoted by how it looks."""
    tag = event.tag if event.tag != "!" else None
    if tag is None and event.implicit[0]:
        for looks, pattern in (*_RESOLVERS.get(event.value[:1], ()), *_RESOLVERS.get(None, ())):
            if pattern.match(event.value):
                return str(looks).removeprefix(_TAG)
    kind: str = (tag or "").removeprefix(_TAG)
    return kind if kind in _SCALARS else "str"
