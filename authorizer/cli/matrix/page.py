"""The sheet as one HTML page that needs nothing else: no network, no other file, no consent.

Whatever stands in a policy or template is foreign text, and is escaped where it is put in: as HTML,
and as JSON inside of HTML. Should something slip through, the page's own policy forbids any style
and script but the two of this package, by their digests.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from authorizer.cli.analysis.grants import SubjectKind
from authorizer.cli.analysis.permissions import NO_PERMISSION, Extent, Permission
from authorizer.cli.matrix.text import MEANINGS, title_of
from authorizer.cli.text import located, plain, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.analysis.grants import Subject
    from authorizer.cli.matrix.sheet import Line, Sheet
    from authorizer.policy.model import Rule

_NONE = "·"
# What ends a script element, or begins a comment in one.
_IN_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def page_of(sheet: Sheet) -> str:
    """The whole page."""
    return "\n".join(_page(sheet)) + "\n"


class _Reasons:
    """Each different cell once, with a number: a sheet has many cells, and few reasons."""

    def __init__(self, sheet: Sheet) -> None:
        self._name = sheet.source.name
        self._rules: dict[tuple[str, str], int] = {}
        self._cells: dict[tuple[object, ...], Permission] = {}
        self._numbers: dict[tuple[object, ...], int] = {}
        self.number(NO_PERMISSION)

    def number(self, cell: Permission) -> int:
        key = cell.identity
        self._cells.setdefault(key, cell)
        return self._numbers.setdefault(key, len(self._numbers))

    def rules(self, cell: Permission) -> list[tuple[str, str]]:
        return [self._shown(rule) for rule in cell.rules]

    def as_json(self) -> str:
        cells = [
            [cell.extent, plain(cell.words), [self._rule(rule) for rule in cell.rules]]
            for cell in self._cells.values()
        ]
        text = json.dumps({"cells": cells, "rules": list(self._rules)}, separators=(",", ":"))
        return text.translate(_IN_SCRIPT)

    def _rule(self, rule: Rule) -> int:
        return self._rules.setdefault(self._shown(rule), len(self._rules))

    def _shown(self, rule: Rule) -> tuple[str, str]:
        return spelled(rule), located(rule, self._name)


def _page(sheet: Sheet) -> Iterator[str]:
    style, script = _asset("page.css"), _asset("page.js")
    reasons = _Reasons(sheet)
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield '<head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_guard(style, script)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>Who may do what: {_text(sheet.source.name)}</title>"
    yield f"<style>{style}</style></head>"
    yield "<body>"
    yield from _head(sheet)
    yield from _filters()
    yield from _table(sheet, reasons)
    yield from _appendix(sheet, reasons)
    yield '<div id="card" class="card" role="tooltip" hidden></div>'
    yield f'<script type="application/json" id="data">{reasons.as_json()}</script>'
    yield f"<script>{script}</script>"
    yield "</body></html>"


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _guard(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _text(foreign: str) -> str:
    return escape(plain(foreign))


def _head(sheet: Sheet) -> Iterator[str]:
    policy = sheet.source.policy
    scopes = sum(one.kind is SubjectKind.SCOPE for one in sheet.subjects)
    counted = (
        (len(sheet.lines), "route"),
        (len(policy.groups), "group"),
        (scopes, "scope"),
        (len(policy.rules), "rule"),
    )
    sizes = ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counted)
    of = f", routes of {_text(sheet.template)}" if sheet.template else ""
    yield f"<header><h1>Who may do what: <code>{_text(sheet.source.name)}</code>{of}</h1>"
    digest = f"<code>{escape(sheet.digest)}</code>" if sheet.digest else "it cannot be compiled"
    compiled = "compiled with this template" if sheet.template else "compiled without a template"
    yield f'<p class="quiet">{sizes}. Digest of the policy, {compiled}: {digest}</p>'
    yield (
        "<p>Each column is a caller with that group and no other, with what it includes. A caller "
        "of several groups may do what one of them may, unless a deny of another takes it away. "
        f"{' '.join(_sentence(remark) for remark in sheet.remarks)}</p>"
    )
    if sheet.unread:
        items = "".join(f"<li>{_text(one)}</li>" for one in sheet.unread)
        yield f'<ul class="unread" aria-label="Routes that are missing">{items}</ul>'
    counts = sheet.counts()
    yield '<ul class="legend" aria-label="Legend">'
    for outcome in Extent:
        yield (
            f'<li><span class="word {outcome}">{_word(outcome)}</span> '
            f"{MEANINGS[outcome]} ({counts[outcome]})</li>"
        )
    yield "</ul></header>"


def _sentence(remark: str) -> str:
    return f"{_text(remark[:1].upper() + remark[1:])}."


def _breakable(foreign: str) -> str:
    """Escaped, with places where a line may end."""
    return "".join(
        f"{escape(one)}<wbr>" if one in "/-_.:" else escape(one) for one in plain(foreign)
    )


def _word(outcome: Extent) -> str:
    return _NONE if outcome is Extent.NONE else outcome


def _filters() -> Iterator[str]:
    yield '<form class="filters" hidden>'
    for name, label in (("route", "Route contains"), ("who", "Group or scope contains")):
        yield f'<label>{label}<input type="search" name="{name}" autocomplete="off"></label>'
    yield "<fieldset><legend>Cells that say</legend>"
    for outcome in Extent:
        yield (
            f'<label><input type="checkbox" name="outcome" value="{outcome}" checked>'
            f"{outcome}</label>"
        )
    yield '</fieldset><button type="reset">Show all</button></form>'
    yield (
        '<p class="quiet screen"><span id="shown" role="status"></span><span id="beyond"></span>. '
        "Point at a cell, or go there with Tab and the arrow keys, to see which rules decide.</p>"
    )


def _table(sheet: Sheet, reasons: _Reasons) -> Iterator[str]:
    yield '<div class="frame"><div class="sheet"><table>'
    yield "<caption>Routes by groups and scopes: what each may do</caption>"
    columns = '<col class="each">' * len(sheet.subjects)
    yield f'<colgroup><col class="first">{columns}</colgroup>'
    headings = "".join(map(_heading, sheet.subjects))
    yield f'<thead><tr><th scope="col">Route</th>{headings}</tr></thead>'
    yield "<tbody>"
    for line in sheet.lines:
        cells = (_cell(line.cell(subject), reasons) for subject in sheet.subjects)
        yield f"<tr>{_route(line)}{''.join(cells)}</tr>"
    yield "</tbody></table></div></div>"


def _heading(subject: Subject) -> str:
    title = escape(title_of(subject))
    name = _breakable(subject.name) or "everyone"
    kind = subject.kind if subject.name else "no token"
    return (
        f'<th scope="col" data-title="{title}"><span class="kind">{kind}</span>'
        f'<span class="subject">{name}</span></th>'
    )


def _route(line: Line) -> str:
    badge = ' <span class="badge">public</span>' if line.is_public else ""
    remark = f'<span class="remark">{_text(line.remark)}</span>' if line.remark else ""
    key = _text(line.row.key)
    shown = _breakable(line.row.key)
    return (
        f'<th scope="row" data-title="{key}"><span class="route">{shown}</span>{badge}{remark}</th>'
    )


def _cell(cell: Permission, reasons: _Reasons) -> str:
    number = reasons.number(cell)
    data = f" data-d={number}" if number else ""
    return f"<td class={cell.extent}{data}>{_word(cell.extent)}</td>"


def _appendix(sheet: Sheet, reasons: _Reasons) -> Iterator[str]:
    """The same reasons as text: for paper, and for browsers without scripts."""
    yield '<section class="reasons"><h2>Why: the rules, route by route</h2><ol>'
    for line in sheet.lines:
        by_cell: dict[tuple[object, ...], tuple[Permission, list[str]]] = {}
        for subject in sheet.subjects[:1] if line.is_public else sheet.subjects:
            cell = line.cell(subject)
            if cell is not NO_PERMISSION:
                who = by_cell.setdefault(cell.identity, (cell, []))[1]
                who.append(escape(title_of(subject)))
        yield f'<li><span class="route">{_text(line.row.key)}</span><ul>'
        yield from (_reason(cell, who, reasons) for cell, who in by_cell.values())
        yield "</ul></li>"
    yield "</ol></section>"


def _reason(cell: Permission, who: list[str], reasons: _Reasons) -> str:
    rules = "".join(
        f'<li><code>{escape(rule)}</code> <span class="where">{escape(where)}</span></li>'
        for rule, where in reasons.rules(cell)
    )
    return (
        f"<li><strong>{cell.extent}</strong> {', '.join(who)}: {_text(cell.words)}"
        f"<ul>{rules}</ul></li>"
    )
