"""From bytes to nodes: YAML and JSON, with the short forms of intrinsic functions.

Built from the parser's events, one at a time and without recursion: that a document is too deep,
or that its aliases stand for too much, is noticed before it costs anything. JSON is read as the
YAML that it is but for tabs between its tokens and pairs of surrogates in its texts.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from authorizer.cli.location import FileError, Location
from authorizer.cli.template.nodes import Call, Frame, Listing, Mapping, Node, Text
from authorizer.errors import clip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# CloudFormation takes templates of 1 MB, API Gateway definitions of 6 MB.
MAX_SOURCE_BYTES = 6 * 1024 * 1024
# Deep for a template (CloudFormation's own nesting ends far above), shallow for Python.
MAX_DEPTH = 100
# Nodes and characters with every alias written out: more than twice the largest source.
MAX_WEIGHT = 16_000_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where it is built
_TAG = "tag:yaml.org,2002:"
_SCALARS = {"str", "int", "float", "bool", "null", "merge", "timestamp", "value", "binary"}
# Everything in JSON that may hold a tab: texts, which keep theirs, and the blanks between.
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\t')
_SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


def read_source(path: Path) -> bytes:
    """A file's bytes, or of one that is too large enough to be refused.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(MAX_SOURCE_BYTES + 1)


def compose(data: bytes, file: str) -> Node:
    """Read one document.

    Args:
        data: the file's bytes.
        file: its name, for the places.

    Raises:
        FileError: with ``file:line:column`` of whatever is not YAML or not JSON.
    """
    if len(data) > MAX_SOURCE_BYTES:
        raise _error(file, None, f"expected at most {MAX_SOURCE_BYTES} bytes, found more")
    try:
        text = data.decode("utf-8-sig")
        return _Composer(file).document(yaml.parse(_plain(text), Loader=_LOADER))
    except UnicodeDecodeError as error:
        found = f"0x{data[error.start]:02x} at byte {error.start}"
        raise _error(file, None, f"expected UTF-8, found {found}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error(file, mark, f"expected YAML: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        raise _error(file, None, f"expected YAML: {error.reason}") from error
    except (OverflowError, ValueError, AttributeError) as error:
        # PyYAML does not guard "\\U00110000", nor a %YAML version of thousands of digits.
        raise _error(file, None, "expected YAML, found a number out of range") from error


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


def _error(file: str, mark: Any, message: str) -> FileError:  # noqa: ANN401 - yaml's
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return FileError(Location(file=file, line=line, column=column), message)


class _Composer:
    """Puts nodes together from events."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._anchors: dict[str, Node | None] = {}
        self._weights: dict[int, int] = {}

    def document(self, events: Iterator[Any]) -> Node:
        """The one document among the events."""
        frames: list[Frame] = []
        root: Node | None = None
        for event in events:
            node = self._node(event, frames)
            if node is None:
                continue
            if frames:
                frames[-1].children.append(node)
            elif root is None:
                root = node
            else:
                raise FileError(node.place, "expected one document, found another")
        if root is None:
            raise _error(self._file, None, "expected a template, found nothing")
        return root

    def _node(self, event: Any, frames: list[Frame]) -> Node | None:  # noqa: ANN401 - yaml's
        """The node that ends with this event."""
        if isinstance(event, yaml.ScalarEvent):
            kind = _kind(event)
            text = Text(self._place(event), _without_surrogates(event.value), kind)
            self._weights[id(text)] = 1 + len(text.text)
            return self._named(event.anchor, _called(text, event.tag))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.CollectionStartEvent):
            if len(frames) == MAX_DEPTH:
                raise _error(
                    self._file,
                    event.start_mark,
                    f"expected at most {MAX_DEPTH} levels of nesting, found more",
                )
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            frames.append(Frame(self._place(event), event.tag, event.anchor, is_mapping))
            if event.anchor:
                self._anchors[event.anchor] = None
        elif isinstance(event, yaml.CollectionEndEvent):
            return self._collection(frames.pop())
        return None

    def _collection(self, frame: Frame) -> Node:
        weight = 1 + sum(self._weights[id(child)] for child in frame.children)
        if weight > MAX_WEIGHT:
            raise FileError(frame.place, "expected a template, found aliases without measure")
        node: Node
        if frame.is_mapping:
            node = self._mapping(frame)
        else:
            node = Listing(frame.place, tuple(frame.children))
        self._weights[id(node)] = weight
        return self._named(frame.anchor, _called(node, frame.tag))

    def _named(self, anchor: str | None, node: Node) -> Node:
        if isinstance(node, Call):
            inner = node.argument
            while isinstance(inner, Call):
                inner = inner.argument
            self._weights[id(node)] = 1 + self._weights.get(id(inner), 1)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: Any) -> Node:  # noqa: ANN401 - yaml's
        name = event.anchor
        if name not in self._anchors:
            raise _error(
                self._file, event.start_mark, f"expected an anchor {clip(name)}, found none"
            )
        node = self._anchors[name]
        if node is None:
            raise _error(
                self._file,
                event.start_mark,
                f"expected no alias within its own anchor {clip(name)}",
            )
        return node

    def _mapping(self, frame: Frame) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Location] = {}
        merged: list[Node] = []
        pairs = zip(frame.children[::2], frame.children[1::2], strict=True)
        for key, value in pairs:
            if not isinstance(key, Text):
                raise FileError(key.place, "expected a name, found a list or a mapping")
            if key.kind == "merge":
                merged += value.items if isinstance(value, Listing) else (value,)
            else:  # of a name that stands twice, SAM and CloudFormation take the last
                entries[key.text], keys[key.text] = value, key.place
        for source in merged:
            self._merge(source, entries, keys)
        return _long_form(Mapping(frame.place, entries, keys))

    def _merge(self, source: Node, entries: dict[str, Node], keys: dict[str, Location]) -> None:
        """What stands in the mapping itself wins, then what is merged first."""
        if not isinstance(source, Mapping):
            raise FileError(source.place, "expected a mapping to merge, found something else")
        for name, place, value in source:
            if name not in entries:
                entries[name], keys[name] = value, place

    def _place(self, event: Any) -> Location:  # noqa: ANN401 - yaml's
        mark = event.start_mark
        return Location(file=self._file, line=mark.line + 1, column=mark.column + 1)


def _long_form(mapping: Mapping) -> Node:
    """``{"Fn::Sub": ...}`` is a function, ``{"Condition": ...}`` only where conditions stand."""
    if len(mapping.entries) == 1:
        ((name, place, argument),) = mapping
        if name == "Ref" or (name.startswith("Fn::") and "Fn::ForEach" not in name):
            return Call(place, name, argument)
    return mapping


def _called(node: Node, tag: str | None) -> Node:
    """A node under a short form such as ``!GetAtt`` is the function's argument."""
    if tag is None or len(tag) == 1 or not tag.startswith("!"):
        return node
    name = tag[1:]
    return Call(node.place, name if name in {"Ref", "Condition"} else f"Fn::{name}", node)


def _kind(event: Any) -> str:  # noqa: ANN401 - yaml's
    tag = event.tag
    if tag is None or tag == "!":
        return _plain_kind(event.value) if event.implicit[0] else "str"
    kind: str = tag.removeprefix(_TAG)
    return kind if kind in _SCALARS else "str"


@cache
def _resolvers() -> dict[Any, list[tuple[str, re.Pattern[str]]]]:
    return dict(yaml.SafeLoader.yaml_implicit_resolvers)


def _plain_kind(text: str) -> str:
    """What YAML takes an unquoted scalar for."""
    resolvers = _resolvers()
    for tag, pattern in resolvers.get(text[:1], []) + resolvers.get(None, []):
        if pattern.match(text):
            return tag.removeprefix(_TAG)
    return "str"


def _without_surrogates(text: str) -> str:
    """Half a pair of surrogates can be escaped, but not printed."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
