"""Which part of a path can be read in two ways, and how it would be written plainly."""

from __future__ import annotations

import re
from urllib.parse import unquote

from authorizer.errors import clip
from authorizer.policy.routes import safe_segments

# Encoded characters that follow one another may be one character beyond ASCII.
_PIECES = re.compile(r"(?:%[0-9A-Fa-f]{2})+|%|.", re.DOTALL)
_ONE_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def unsafe_part(path: str) -> str | None:
    """What makes the path unsafe, in words; nothing where it is safe."""
    if safe_segments(path) is not None:
        return None
    if not path.startswith("/"):
        return "it does not start with /"
    for segment in path[1:].split("/"):
        if segment == "":
            return "an empty segment (two slashes in a row, or one at the end)"
        if segment in {".", ".."}:
            return f"the dot segment {clip(segment)}"
        for piece in _PIECES.findall(segment):
            if safe_segments(f"/a{piece}a") is None:
                return _describe(piece)
    return "its parts together"


def _describe(piece: str) -> str:
    if len(piece) == 1:
        name = "the character" if piece.isprintable() else "the control character or white space"
        return f"{name} {clip(piece)}"
    for one in _ONE_ENCODED.findall(piece):
        if int(one[1:], 16) < 0x80 and one != "%20":  # noqa: PLR2004 - ASCII
            return f"{clip(one)}, which another program may read as {clip(unquote(one))}"
    return f"{clip(piece)}, which is not valid UTF-8"
