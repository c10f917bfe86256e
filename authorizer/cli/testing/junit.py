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
# What a suite counts, by attribute.
_COUNTED = {
    "tests": "testcase",
    "failures": "failure",
    "errors": "error",
    "skipped": "skipped",
}


def junit_xml(
    simulator: Simulator, results: Sequence[Result], coverage: Coverage, *, is_strict: bool
) -> bytes:
    """The document."""
    root = ET.Element("testsuites", name="authorizer test")
    blind = list(blind_in_words(simulator, coverage))
    cases = (*(result.case for result in results), *coverage.blind)
    for file in dict.fromkeys(case.location.file for case in cases):
        suite = _element(root, "testsuite", name=file)
        for result in results:
            if result.case.location.file == file:
                _add_result(suite, simulator, result, is_strict=is_strict)
        for case, what in blind:
            if case.location.file == file:
                test = _test(suite, f"{file}.{case.name}", "complete", file, case.location.line)
                _add_remark(test, what, is_strict=is_strict)
    suite = _element(root, "testsuite", name="not exercised")
    for gap in coverage.gaps:
        name = rule_in_words(simulator, gap.rule)
        test = _test(suite, simulator.file, name, simulator.file, gap.rule.line)
        _add_remark(test, gap.what, is_strict=is_strict)
    for element in (*root, root):
        for name, tag in _COUNTED.items():
            element.set(name, str(len(list(element.iter(tag)))))
        element.set("time", "0")
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add_result(
    suite: ET.Element, simulator: Simulator, result: Result, *, is_strict: bool
) -> None:
    expected, location = result.expectation, result.expectation.location
    verb = "allow" if expected.allowed else "deny"
    name = (
        f"{verb} {expected.request}"
        if expected.route is None
        else f"deny {expected.route} (not listed)"
    )
    test = _test(suite, f"{location.file}.{result.case.name}", name, location.file, location.line)
    if not result.passed:
        message = failure_in_words(result)
        failure = _element(test, "failure", type="failed", message=message)
        failure.text = _clean(
            "\n".join([f"{location}: {message}", *reasons_for(simulator, result)])
        )
    elif result.is_vacuous:
        _add_remark(test, vacuous_in_words(result), is_strict=is_strict)


def _add_remark(test: ET.Element, message: str, *, is_strict: bool) -> None:
    """Say that a test proves nothing, which is a failure for whoever is strict."""
    if is_strict:
        _element(test, "failure", type="strict", message=message)
    else:
        _element(test, "skipped", message=message)


def _test(suite: ET.Element, classname: str, name: str, file: str, line: int) -> ET.Element:
    more = {"file": file, "line": str(line), "time": "0"}
    return _element(suite, "testcase", classname=classname, name=name, **more)


def _element(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, {name: _clean(text) for name, text in attributes.items()})


def _clean(text: str) -> str:
    return _IMPOSSIBLE.sub("\ufffd", text)
