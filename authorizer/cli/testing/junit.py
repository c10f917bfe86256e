"""What came of the cases, as JUnit XML: a suite for each file, a test for each request.

What is not exercised is a suite of its own, whose tests fail under ``--strict`` and are skipped
otherwise. The attributes are those that GitLab, Jenkins and GitHub's reporters read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from authorizer.cli.analysis.explanation import rule_in_words
from authorizer.cli.testing.report import (
    blind_in_words,
    failure_in_words,
    reasons_for,
    vacuous_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authorizer.cli.analysis.simulator import Simulator
    from authorizer.cli.testing.runner import Coverage, Result

# What XML 1.0 has no way to write, not even escaped. https://www.w3.org/TR/xml/#charsets
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(
    simulator: Simulator, results: Sequence[Result], coverage: Coverage, *, is_strict: bool
) -> bytes:
    """The document."""
    root = ET.Element("testsuites", name="authorizer test")
    cases = (*(result.case for result in results), *coverage.blind)
    for file in dict.fromkeys(case.place.file for case in cases):
        suite = ET.SubElement(root, "testsuite", name=_clean(file))
        for result in results:
            if result.case.place.file == file:
                _add_result(suite, simulator, result, is_strict=is_strict)
        for case, what in blind_in_words(simulator, coverage):
            if case.place.file == file:
                test = _test(suite, f"{file}.{case.name}", "complete", file, case.place.line)
                _add_outcome(test, what, is_strict=is_strict)
        _count(suite)
    suite = ET.SubElement(root, "testsuite", name="not exercised")
    for gap in coverage.gaps:
        name = f"{rule_in_words(simulator, gap.rule)}"
        test = _test(suite, simulator.file, name, simulator.file, gap.rule.line)
        _add_outcome(test, gap.what, is_strict=is_strict)
    _count(suite)
    _count(root)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add_result(
    suite: ET.Element, simulator: Simulator, result: Result, *, is_strict: bool
) -> None:
    one = result.expectation
    verb = "allow" if one.allowed else "deny"
    name = f"{verb} {one.request}" if one.route is None else f"deny {one.route} (not listed)"
    test = _test(
        suite, f"{one.place.file}.{result.case.name}", name, one.place.file, one.place.line
    )
    if not result.passed:
        message = failure_in_words(result)
        failure = ET.SubElement(test, "failure", type="failed", message=_clean(message))
        lines = [f"{one.place}: {message}", *reasons_for(simulator, result)]
        failure.text = _clean("\n".join(lines))
    elif result.is_vacuous:
        _add_outcome(test, vacuous_in_words(result), is_strict=is_strict)


def _test(suite: ET.Element, classname: str, name: str, file: str, line: int) -> ET.Element:
    return ET.SubElement(
        suite,
        "testcase",
        classname=_clean(classname),
        name=_clean(name),
        file=_clean(file),
        line=str(line),
        time="0",
    )


def _add_outcome(test: ET.Element, message: str, *, is_strict: bool) -> None:
    if is_strict:
        ET.SubElement(test, "failure", type="strict", message=_clean(message))
    else:
        ET.SubElement(test, "skipped", message=_clean(message))


def _count(element: ET.Element) -> None:
    element.set("tests", str(len(list(element.iter("testcase")))))
    element.set("failures", str(len(list(element.iter("failure")))))
    element.set("errors", "0")
    element.set("skipped", str(len(list(element.iter("skipped")))))
    element.set("time", "0")


def _clean(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
