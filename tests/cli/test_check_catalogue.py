"""Codes of findings, their pages, and that the pages tell the truth."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from authorizer.cli.check.finding import SPECIFICATIONS, Severity, can_be_accepted, catalogue
from authorizer.cli.check.run import run_checks

PAGES = Path(__file__).parents[2] / "docs" / "findings"
WRITTEN = [page for page in PAGES.glob("*.md") if page.stem != "README"]
POLICY_CODES = [code for code in sorted(catalogue()) if code.startswith("P")]


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    """Nobody is sent to a page that is not there, and no page tells of what cannot be found."""
    assert {page.stem for page in WRITTEN} == set(catalogue())


@pytest.mark.parametrize("code", sorted(page.stem for page in WRITTEN))
def test_a_page_has_its_parts(code: str) -> None:
    """What it means, how bad it is, what happens if it is ignored, and how to mend it; briefly."""
    lines = (PAGES / f"{code}.md").read_text().splitlines()

    assert lines[0] == f"# {code}: {catalogue()[code]['title']}"
    assert re.match(r"\*\*(error|warning|note)\b", lines[2])
    assert {"## If it is ignored", "## How to mend it"} <= set(lines)
    assert 12 <= len(lines) <= 45


def examples_of(code: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (PAGES / f"{code}.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("code", [code for code in POLICY_CODES if code != "P101"])
def test_a_page_shows_what_gives_its_finding(code: str, tmp_path: Path) -> None:
    """The first policy on the page gives that finding and no other."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(examples_of(code)[0])

    assert {finding.code for finding in run_checks(policy).findings} == {code}


@pytest.mark.parametrize("code", [code for code in POLICY_CODES if len(examples_of(code)) > 1])
def test_a_page_shows_what_mends_it(code: str, tmp_path: Path) -> None:
    """The second policy on the page has no findings."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(examples_of(code)[1])

    assert run_checks(policy).findings == ()


@pytest.mark.parametrize("code", sorted(page.stem for page in WRITTEN))
def test_a_page_says_whether_it_can_be_accepted(code: str) -> None:
    """A finding that nobody can accept says so where its severity stands."""
    severity = (PAGES / f"{code}.md").read_text().splitlines()[2]

    assert ("cannot be accepted" in severity) != can_be_accepted(code)


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_texts_say_how_each_fact_is_written(code: str) -> None:
    """A text has no specification that there is not, and a variant changes what it has."""
    entry = {"variants": {}, **catalogue()[code]}
    assert entry.keys() == {"title", "severity", "message", "effect", "fix", "variants"}
    assert entry["severity"] in set(Severity)
    texts = [entry["message"], entry["effect"], entry["fix"]]
    for change in entry["variants"].values():
        assert change
        assert {"severity", "message", "effect", "fix"} >= change.keys()
        assert all(entry[part] != text for part, text in change.items())
        texts += [str(text) for part, text in change.items() if part != "severity"]
    fields = [field for text in texts for field in Formatter().parse(text)]

    assert {spec or "" for _, name, spec, _ in fields if name is not None} <= set(SPECIFICATIONS)
    assert all(text and not text.endswith(".") and "\n" not in text for text in texts)


def test_an_acceptance_is_of_what_a_finding_is_about(tmp_path: Path) -> None:
    """Names are compared as a whole, and as they stand in the file, however long they are."""
    name = "a" * 150
    policy = tmp_path / "policy.yaml"
    text = (
        f"version: 1\ngroups: {{a: {{allow: [GET /x]}}, {name}: {{}}}}\naccept: {{P304: [{{}}]}}\n"
    )
    policy.write_text(text.replace("[{}]", f"[{{about: {name}, reason: why}}]"))
    assert len(run_checks(policy).accepted) == 1
    policy.write_text(text.replace("[{}]", f"[{{about: {name[1:]}, reason: why}}]"))

    assert {finding.code for finding in run_checks(policy).findings} == {"P304", "P402"}


def test_an_acceptance_is_not_of_whose_rule_a_finding_mentions() -> None:
    """The rule that another group's finding comes from is its cause, and not what it is about."""
    for code, variant in (("X108", ""), ("X202", "compares"), ("X207", "rule")):
        entry = catalogue()[code]
        text = (entry["variants"][variant] if variant else entry)["message"]
        names = {name for _, name, _, _ in Formatter().parse(text) if name}
        assert {name.partition(".")[0] for name in names} & {"cause", "rule"} == {"cause"}
