"""The sheet as one HTML page that needs nothing else: no network, no other file, no consent.

Whatever stands in a policy or template is foreign text, and is escaped where it is put in: as HTML,
and as JSON inside of HTML. Should something slip through, the page's own policy forbids any style
and script but the two of this package, by their digests.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from authorizer.cli.analysis.grants import Subject, SubjectKind
from authorizer.cli.analysis.permissions import NO_PERMISSION, Permission
from authorizer.cli.matrix.text import LOOKS, NOTHING, title_of
from authorizer.cli.text import counted, located, plain, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

    from authorizer.cli.matrix.sheet import Line, Sheet
    from authorizer.policy.model import Rule


def page_of(sheet: Sheet) -> str:
    """The whole page, by the template beside this module."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - slow, and for pages alone
    from markupsafe import Markup  # noqa: PLC0415

    environment = Environment(
        autoescape=True, trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {
        "breakable": _breakable,
        "by_permission": _by_permission,
        "located": located,
        "plain": plain,
        "spelled": spelled,
        "title_of": title_of,
    }
    style, script = _asset("page.css"), _asset("page.js")
    page: str = environment.from_string(_asset("page.html")).render(
        sheet=sheet,
        name=plain(sheet.source.name),
        sizes=_sizes(sheet),
        counts=sheet.counts(),
        looks=LOOKS,
        NONE=NOTHING,
        reasons=_Reasons(sheet.source.name),
        guard=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'",
        # Both are of this package, and nothing of anybody else's is in them.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
    )
    return page


class _Reasons:
    """Each different permission once, with a number: a sheet has many cells, and few reasons."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rules: dict[tuple[str, str], int] = {}
        self._permissions: dict[tuple[object, ...], tuple[int, Permission]] = {}
        self.number(NO_PERMISSION)

    def number(self, permission: Permission) -> int:
        """Counted from the first cell of the sheet; 0 for what nothing grants."""
        numbered = (len(self._permissions), permission)
        return self._permissions.setdefault(permission.identity, numbered)[0]

    def data(self) -> dict[str, object]:
        """All of them, for the page's script."""
        cells = [
            [one.extent, plain(one.words), [self._number_of(rule) for rule in one.rules]]
            for _, one in self._permissions.values()
        ]
        return {"cells": cells, "rules": list(self._rules)}

    def _number_of(self, rule: Rule) -> int:
        return self._rules.setdefault((spelled(rule), located(rule, self._name)), len(self._rules))


def _by_permission(
    line: Line, subjects: tuple[Subject, ...]
) -> Iterable[tuple[Permission, list[str]]]:
    """Who has which permission on a route; of a public one, everyone has."""
    found: dict[tuple[object, ...], tuple[Permission, list[str]]] = {}
    for subject in subjects[:1] if line.is_public else subjects:
        permission = line.permission(subject)
        if permission is not NO_PERMISSION:
            found.setdefault(permission.identity, (permission, []))[1].append(title_of(subject))
    return found.values()


def _sizes(sheet: Sheet) -> str:
    policy = sheet.source.policy
    sizes = {
        "route": len(sheet.lines),
        "group": len(policy.groups),
        "scope": sum(subject.kind is SubjectKind.SCOPE for subject in sheet.subjects),
        "rule": len(policy.rules),
    }
    return ", ".join(counted(number, noun) for noun, number in sizes.items())


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _breakable(foreign: str) -> Markup:
    """The text with places where a line may end."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2

    return Markup(re.sub(r"([/\-_.:])", r"\1<wbr>", str(escape(plain(foreign)))))  # noqa: S704 - escaped
