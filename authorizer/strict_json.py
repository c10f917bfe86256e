"""JSON that means one thing only, for bytes nobody has vouched for yet.

The standard parser accepts repeated names (the last one wins, and another parser may let the
first one win), ``NaN`` and ``Infinity``, also where they are spelt ``1e999``, unpaired surrogates
that later break whatever encodes them, and nesting as deep as the interpreter bears, with a
:class:`RecursionError` beyond. All of that is refused here, as one error. RFC 8259, sections 4, 6,
8.2 and 9; RFC 7519, section 4 (duplicate claim names).
"""

import json
import re
from itertools import accumulate
from math import isfinite
from typing import Any

JsonObject = dict[str, Any]
# What Python's parser can hold depends on its version and on the caller's stack. Ours must not:
# nothing that we read is a tenth as deep, and DynamoDB, which claims may come from, stops at 32.
MOST_LEVELS = 64
# A bracket, or a string, in which brackets mean nothing. One without an end goes to the end, so
# that no text is read twice.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


class NotStrictJsonError(Exception):
    """The text is not one unambiguous JSON object. Callers turn this into an error of ours."""


def parse_object(data: bytes) -> JsonObject:
    """Read one JSON object from UTF-8 bytes.

    Raises:
        NotStrictJsonError: for anything else, with a sentence that says what was found.
    """
    try:
        text = data.decode("utf-8").strip(" \t\n\r")
        # No text is deeper than it has brackets: most need no second look.
        if len(data) - len(data.translate(None, delete=b"[{")) > MOST_LEVELS:
            levels = accumulate(
                (one in "[{") - (one in "]}") for one in _STRING_OR_BRACKET.findall(text)
            )
            if max(levels, default=0) > MOST_LEVELS:
                raise NotStrictJsonError("values nested too deeply")
        # Not decode(), which takes an eighth longer: it looks for white space by expressions.
        value, end = _DECODER.raw_decode(text)
        if end < len(text):
            raise json.JSONDecodeError("Extra data", text, end)
        if "\\" in text:
            # Only an escape can smuggle in half of a surrogate pair; re-encoding finds it.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise NotStrictJsonError("text that is not valid Unicode") from error
    except ValueError as error:
        # Also an integer of thousands of digits, which int() declines to read.
        raise NotStrictJsonError(f"no valid JSON: {error}") from error
    if type(value) is not dict:
        raise NotStrictJsonError(f"a JSON {type(value).__name__} where an object belongs")
    return value


def _object_of_unique_names(pairs: list[tuple[str, Any]]) -> JsonObject:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise NotStrictJsonError("an object with a repeated name")
    return unique


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise NotStrictJsonError("a number that is not finite")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_of_unique_names,
    parse_float=_finite,
    parse_constant=_finite,  # NaN and Infinity, which float() can read
)
