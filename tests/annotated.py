"""Cases of ``check``, each a file that says what is wanted at the line where it is found.

``tests/broken/README.md`` explains the format. What says ``# want`` is taken away before the files
are checked, so that a case can be about JSON, tabs or bytes that are no text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from overlay import BASES, Line, numbered, overlay

from authorizer.cli.check.run import run_checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.check.finding import Finding

CORPUS = Path(__file__).parent / "broken"
_SECTION = re.compile(r"--- # (?:changes to (?P<bases>.+)|(?P<name>\S+))")
_WANT = re.compile(r"(?P<code>[A-Z]\d{3})(?: at (?P<at>[^:]+?))?(?:: (?P<message>.+?))?")
_FRONT = re.compile(r"^\s*(?:- +)*")
# Bytes that are no UTF-8 stand in one of the cases.
_ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A finding that a case is about.

    Attributes:
        line: where it is said, in the case's file.
        column: where it is to be found.
        message: a part of it, or nothing.
    """

    code: str
    line: int
    column: int
    message: str = ""

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.code} {self.message}"

    def is_met_by(self, finding: Finding, line: int | None) -> bool:
        """Whether a finding that is on that line of the case is the one."""
        found = (finding.code, line, finding.location.column)
        return found == (self.code, self.line, self.column) and self.message in finding.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case.

    Attributes:
        files: by name, the lines of the policy and, perhaps, of a template.
    """

    name: str
    files: dict[str, list[Line]]
    wants: list[Want]

    def text(self, name: str) -> str:
        """What is in one of the files."""
        return "".join(f"{line.text}\n" for line in self.files[name])

    def findings(self, folder: Path) -> list[tuple[Finding, int | None]]:
        """All that check finds, each with its line in the case; none if that is a base's."""
        for name in self.files:
            (folder / name).write_text(self.text(name), **_ENCODING)
        templates = [folder / name for name in self.files if name.startswith("template.")]
        report = run_checks(folder / "policy.yaml", templates)
        return [(finding, self._line_of(finding)) for finding in report.findings]

    def _line_of(self, finding: Finding) -> int | None:
        lines = self.files[Path(finding.location.file).name]
        return lines[finding.location.line - 1].number

    def differences(self, folder: Path) -> list[str]:
        """What is found and not wanted, and what is wanted and not found."""
        wants, differences = list(self.wants), []
        for finding, line in self.findings(folder):
            met = [want for want in wants if want.is_met_by(finding, line)]
            if met:
                wants.remove(met[0])
            else:
                at = f"{line or 'the base'}:{finding.location.column}"
                found = f"{self.name}.yaml:{at}: {finding.code} {finding.message}"
                differences.append(f"not wanted: {found}")
        return differences + [f"not found: {self.name}.yaml:{want}" for want in wants]


def read_cases() -> list[Case]:
    """All cases of the corpus."""
    return [read_case(path) for path in sorted(CORPUS.glob("*.yaml"))]


def read_case(path: Path) -> Case:
    """A case, of its file."""
    lines, wants = [], []
    for line in numbered(path.read_text(**_ENCODING)):
        text, *wanted = re.split(r"\s*# want ", line.text)
        lines.append(Line(text=text, number=line.number))
        wants += [_want(text, line.number or 0, want) for want in wanted]
    return Case(name=path.stem, files=dict(_files(lines)), wants=wants)


def _want(text: str, line: int, wanted: str) -> Want:
    found = _WANT.fullmatch(wanted.strip())
    assert found, f"no want: {wanted!r}"
    column = _column(text, found["at"])
    return Want(code=found["code"], line=line, column=column, message=found["message"] or "")


def _column(text: str, at: str | None) -> int:
    if at is None:  # past the blanks and dashes that begin the line
        return len(text) - len(_FRONT.sub("", text, count=1)) + 1
    number = re.fullmatch(r"column (\d+)", at)
    return int(number[1]) if number else text.index(at) + 1


def _files(lines: list[Line]) -> Iterator[tuple[str, list[Line]]]:
    name, bases, section = "policy.yaml", ["policy.yaml"], []
    for line in lines:
        header = _SECTION.fullmatch(line.text)
        if header is None:
            bases = bases if name != "policy.yaml" else []
            section.append(line)
            continue
        yield name, _laid_over(bases, section)
        name = header["name"] or "template.yaml"
        bases, section = re.findall(r"[^\s,]+\.yaml", header["bases"] or ""), []
    yield name, _laid_over(bases, section)


def _laid_over(bases: list[str], changes: list[Line]) -> list[Line]:
    lines: list[Line] = []
    for base in bases:
        more = [Line(text=text) for text in (BASES / base).read_text().splitlines()]
        lines = overlay(lines, more) if lines else more
    return overlay(lines, changes) if lines and changes else lines or changes
