"""One look for all pages: ``frame.html`` to extend, ``style.css``, and what is said in HTML.

A report's page needs nothing else: no network, no other file, no consent. Whatever stands in a
policy or template is foreign text, and is escaped where it is put in: as HTML, and as JSON inside
of HTML. Should something slip through, the page's own policy forbids any style and script but those
of this package, by their digests.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from authorizer.cli.analysis.sheet import LOOKS, NOTHING, title_of
from authorizer.cli.text import counted, located, plain, render, spelled

if TYPE_CHECKING:
    from markupsafe import Markup


def report_page(room: str, **facts: object) -> str:
    """The page of a report, by ``page.html`` of a room of ``authorizer.cli``.

    Args:
        room: such as ``matrix``; where it has a ``page.js``, that comes after the pages' own.
        facts: what the template speaks of, besides ``page_facts``.
    """
    from markupsafe import Markup  # noqa: PLC0415 - slow, and for pages alone

    style, script = asset("pages", "style.css"), asset("pages", "page.js") + asset(room, "page.js")
    return render(
        room,
        "page.html",
        guard=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'",
        # Both are of this package, and nothing of anybody else's is in them.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        **page_facts(),
        **facts,
    )


def page_facts() -> dict[str, object]:
    """What the templates beside this module speak of."""
    return {
        "LOOKS": LOOKS,
        "NOTHING": NOTHING,
        "breakable": _breakable,
        "counted": counted,
        "located": located,
        "plain": plain,
        "spelled": spelled,
        "title_of": title_of,
    }


def asset(room: str, name: str) -> str:
    """The text of a file that lies in a room; nothing where it has none of that name."""
    file = files("authorizer.cli") / room / name
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _breakable(foreign: str) -> Markup:
    """The text with places where a line may end."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2

    return Markup(re.sub(r"([/\-_.:])", r"\1<wbr>", str(escape(plain(foreign)))))  # noqa: S704 - escaped
