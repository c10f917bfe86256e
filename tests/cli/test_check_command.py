"""``authorizer check`` as it is called: what it reads, what it prints, and how it ends."""

from __future__ import annotations

import json
import random
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import pytest
from annotated import CORPUS, read_case
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from authorizer.cli.check import template_rules
from authorizer.cli.check.finding import Finding
from authorizer.cli.location import FileError, Location
from authorizer.cli.main import cli
from authorizer.cli.policy_file import load_document
from authorizer.cli.template.model import Api, ApiKind, Template, Unresolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from authorizer import ConfigurationError
    from authorizer.cli.analysis.api import TemplateAnalysis

SAMPLE = Path(__file__).parents[2] / "policy.yaml"
NOTHING_WRONG = "version: 1\ngroups: {a: {allow: [GET /x]}}\n"
WARNING = "version: 1\ngroups:\n  a: {allow: [GET /x]}\n  A: {}\n"
ERROR = "version: 1\ngroups:\n  a:\n    allow: [ANY /**]\n"


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "policy.yaml"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments], catch_exceptions=False)


def found(*arguments: str) -> list[str]:
    """Where which finding is, as programs read it."""
    report = json.loads(run(*arguments, "--format", "json").stdout)
    return ["{file}:{line}:{column} {severity} {code}".format(**one) for one in report["findings"]]


def test_the_sample_policy_has_no_findings() -> None:
    """What ships as an example is clean, strictly."""
    assert found(str(SAMPLE)) == []


@pytest.mark.parametrize(
    ("text", "strict", "exit_code"),
    [
        pytest.param(NOTHING_WRONG, True, 0, id="nothing, strict"),
        pytest.param("version: 1", True, 1, id="nothing granted, strict"),
        pytest.param(WARNING, False, 0, id="warning"),
        pytest.param(WARNING, True, 1, id="warning, strict"),
        pytest.param(ERROR, False, 1, id="error"),
        pytest.param(ERROR + "accept: {P204: we are all equal}", True, 0, id="accepted error"),
    ],
)
def test_errors_fail_and_warnings_only_if_strict(
    policy: Path,
    text: str,
    strict: bool,  # noqa: FBT001
    exit_code: int,
) -> None:
    """The exit code is what a build needs; an accepted finding fails nothing."""
    policy.write_text(text)

    assert run(*(["--strict"] if strict else [])).exit_code == exit_code


def test_policy_yaml_here_is_the_default(policy: Path) -> None:
    """Without an argument, the policy in this folder is checked, and named as it was found."""
    policy.write_text(ERROR)

    assert found() == ["policy.yaml:4:13 error P204"]


def test_a_missing_policy_is_a_finding(policy: Path) -> None:
    """Code scanning must not take a file that is not there for one without findings."""
    assert run().exit_code == 2
    assert found() == ["policy.yaml:1:1 error P101"]


def test_what_cannot_be_read_is_no_answer(policy: Path) -> None:
    """Exit code 2: neither a yes nor a no was found out. A policy that is not valid is a no."""
    policy.write_text(ERROR)
    assert run("-t", "none.yaml").exit_code == 2
    policy.write_bytes(b"\xff")
    assert run().exit_code == 2
    policy.write_text("version: [")
    assert run().exit_code == 1


def test_the_policy_may_be_an_option(policy: Path) -> None:
    """As it is for the commands whose arguments are something else."""
    other = policy.with_name("other.yaml")
    other.write_text(ERROR)

    assert found("--policy", "other.yaml") == ["other.yaml:4:13 error P204"]
    assert run("other.yaml", "--policy", "other.yaml").exit_code == 1


def test_two_policies_are_wrong_usage(policy: Path) -> None:
    """Which of them is meant cannot be told."""
    result = run("policy.yaml", "--policy", "other.yaml")

    assert result.exit_code == 2
    assert "expected one policy, found 'policy.yaml' and --policy 'other.yaml'" in result.stderr


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_output_for_programs_is_nothing_but_that(policy: Path, form: str) -> None:
    """What is for people goes to standard error."""
    policy.write_text(WARNING)
    result = run("--format", form)

    assert json.loads(result.stdout)
    assert result.stderr == "1 warning\n"


def test_output_for_github_is_commands_alone(policy: Path) -> None:
    """Each line of standard output is an annotation."""
    policy.write_text(WARNING)
    result = run("-f", "github")

    assert result.stdout.startswith("::warning file=policy.yaml,line=4,col=3,title=P301 ")
    assert result.stderr == "1 warning\n"


def test_a_name_the_terminal_cannot_show_is_escaped(policy: Path) -> None:
    """An encoding without the character is no reason to fail."""
    policy.write_text("version: 1\ngroups: {é: {}, É: {}}\n", encoding="utf-8")
    runner = CliRunner(charset="ascii")
    result = runner.invoke(cli, ["check"], catch_exceptions=False)

    assert result.exit_code == 0
    assert r"group '\xc9' looks like group '\xe9'" in result.stdout


def test_acceptances_and_tests_are_not_compiled(policy: Path) -> None:
    """What ships is the same with them and without them."""
    policy.write_text("version: 1\ngroups: {a: {allow: [GET /x]}}\n")
    plain, _ = load_document(policy)
    policy.write_text(policy.read_text() + "accept: {P204: why}\ntests: [anything, {at: all}]\n")

    assert load_document(policy)[0] == plain


API = Api(id="Api", kind=ApiKind.HTTP, location=Location(file="t.yaml"))


class Judged:
    """Stands in for the reader of templates and for their rules."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.template = Template(file="t.yaml", apis=(API,))
        self.error: ConfigurationError | None = None
        self.findings: list[Finding] = []
        monkeypatch.setattr(template_rules, "read_template", self.read)
        monkeypatch.setattr(template_rules, "TEMPLATE_RULES", (self.rule,))

    def read(self, path: Path) -> Template:
        if self.error is not None:
            raise self.error
        return self.template

    def rule(self, analysis: TemplateAnalysis) -> Iterator[Finding]:
        lines = [rule.line for rule in analysis.source.rules]
        assert lines == [rule.line for rule in analysis.policy.rules]
        assert analysis.template is self.template
        yield from self.findings


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Judged:
    return Judged(monkeypatch)


def test_a_template_is_judged_with_the_policy(policy: Path, judged: Judged) -> None:
    """The template's rules get both, and what they find is reported like anything else."""
    policy.write_text("version: 1\ngroups: {a: {allow: [GET /x]}}\n")
    location = Location(file="t.yaml", line=3, column=4)
    judged.findings = [Finding.of("X109", location, route="/x")]

    assert run("--template", "t.yaml").exit_code == 1
    assert found("--template", "t.yaml") == ["t.yaml:3:4 error X109"]


def test_what_is_not_decidable_is_said(policy: Path, judged: Judged) -> None:
    """A note, which fails nothing, not even strictly."""
    policy.write_text(NOTHING_WRONG)
    location = Location(file="t.yaml", line=3, column=4)
    judged.template = Template(
        file="t.yaml",
        apis=(API,),
        unresolved=(Unresolved(location=location, what="the routes", why="an import"),),
    )

    assert run("--template", "t.yaml", "--strict").exit_code == 0
    assert found("--template", "t.yaml") == ["t.yaml:3:4 note T000"]


@pytest.mark.parametrize(
    ("where", "place"),
    [
        pytest.param(Location(file="t.yaml", line=7, column=9), "t.yaml:7:9", id="located"),
        pytest.param("t.yaml", "t.yaml:1:1", id="not located"),
    ],
)
def test_a_template_that_cannot_be_read_is_a_finding(
    policy: Path, judged: Judged, where: Location | str, place: str
) -> None:
    """It stands where the reader says."""
    policy.write_text("version: 1")
    judged.error = FileError(where, "no")
    result = run("--template", "t.yaml", "--format", "json")

    assert result.exit_code == 2
    (finding,) = [one for one in json.loads(result.stdout)["findings"] if one["code"] == "T001"]
    assert finding["message"] == "no"
    assert "{file}:{line}:{column}".format(**finding) == place


def test_a_file_is_suggested_by_its_stem(policy: Path) -> None:
    """That two names end alike says nothing; where there is no policy, init begins one."""
    policy.write_text(NOTHING_WRONG)
    missing = run("nosuch.yaml")

    assert "authorizer init" in missing.stdout
    assert "did you mean" not in missing.stdout + run("-t", "nosuch.yaml").stdout
    assert "did you mean 'policy.yaml'?" in run("polcy.yaml").stdout


def test_an_acceptance_for_templates_waits_for_one(policy: Path, judged: Judged) -> None:
    """Without a template nobody knows whether it has its use; with one, it is judged."""
    policy.write_text(NOTHING_WRONG + "accept: {T000: imports are fine}\n")

    assert found() == []
    assert [finding.split()[-1] for finding in found("-t", "t.yaml")] == ["P402"]


PIECES = st.sampled_from(
    [
        b"version: 1\n",
        b"groups:\n",
        b"  a:\n",
        b"  A: {}\n",
        b"    includes: [a, b]\n",
        b"    allow:\n",
        b"    deny:\n",
        b"      - GET /x\n",
        b"      - ANY /**\n",
        b"      - GET,PUT /x/{y=sub}\n",
        b"scopes: {s/t: {allow: [GET /x]}}\n",
        b"public: [GET /x]\n",
        b"accept:\n",
        b"  P204: why\n",
        b"  P202: [{about: GET /x, reason: why}]\n",
        b"tests: &x [*x]\n",
        b"\xff",
        b"\x00",
        b"[",
        b"{",
        b"&a ",
        b"*a",
        b'"\\ud800"',
        b"\xe2\x80\xa8",
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(data=b"accept: &a {P204: *a, P202: [*a]}\nversion: 1", form="text")
@example(
    data=b'version: 1\naccept: {"\\ud800": "\\ud800", P201: {about: "\\ud800", reason: x}}',
    form="text",
)
@given(
    data=st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(b"".join)),
    form=st.sampled_from(["text", "json", "sarif", "github"]),
)
def test_any_bytes_are_checked_without_a_traceback(policy: Path, data: bytes, form: str) -> None:
    """Whatever is in the file, the command ends with its exit codes, and errors have findings."""
    policy.write_bytes(data)
    result = run("--format", form)

    assert result.exit_code in {0, 1, 2}
    last = (result.stderr or result.stdout).splitlines()[-1]
    assert (result.exit_code > 0) == ("error" in last)


TEMPLATE_PIECES = st.sampled_from(
    [
        b"Transform: AWS::Serverless-2016-10-31\n",
        b"Resources:\n",
        b"  Api:\n    Type: AWS::Serverless::HttpApi\n    Properties:\n",
        b"  Api:\n    Type: AWS::Serverless::Api\n    Properties:\n",
        b"      Auth: {DefaultAuthorizer: A, Authorizers: {A: {FunctionArn: !GetAtt F.Arn}}}\n",
        b"      Auth: !Ref X\n",
        b"      DefinitionBody: {paths: {/x: {get: {security: [{A: []}]}}}}\n",
        b"      DefinitionBody: !Sub ['${X}', {X: !If [C, 1, *a]}]\n",
        b"  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Events:\n",
        b"        E: {Type: HttpApi, Properties: {Path: /x, Method: get}}\n",
        b"        E: {Type: Api, Properties: {Path: '/x/{y+}', Method: any}}\n",
        b"        E: {Type: HttpApi}\n",
        b"  P: {Type: AWS::Cognito::UserPool}\n",
        b"  G: {Type: AWS::Cognito::UserPoolGroup, Properties: {GroupName: [a]}}\n",
        b"Globals: {HttpApi: {Auth: []}}\n",
        b"Parameters: {X: {Default: 7}}\n",
        b"&a ",
        b"*a",
        b"\x00",
        b"\xff",
        b"{",
        b'"\\ud800"',
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(st.binary(max_size=200), st.lists(TEMPLATE_PIECES, max_size=14).map(b"".join)),
    form=st.sampled_from(["text", "json", "sarif", "github"]),
)
def test_any_bytes_of_a_template_are_checked_without_a_traceback(
    policy: Path, data: bytes, form: str
) -> None:
    """The same for a template, whose rules run on whatever could be read."""
    policy.write_text(
        "version: 1\ngroups: {a: {allow: ['GET /x', 'ANY /x/**', 'GET /u/{u=sub}']}}\n"
        "public: [GET /open]\n"
    )
    template = policy.parent / "template.yaml"
    template.write_bytes(data)
    result = run("--template", "template.yaml", "--format", form)

    assert result.exit_code in {0, 1, 2}


def test_a_deep_path_is_no_deep_recursion(policy: Path) -> None:
    """A path may have as many segments as a rule may have; with one more it is refused."""
    deep = "a/" * 98 + "a"
    many = "/".join(f"{{p{number}=c{number}}}" for number in range(100))
    policy.write_text(
        f"version: 1\ngroups:\n  g:\n    allow: ['GET /{many}', 'GET /{many}', 'GET /{{x}}/{deep}']"
        f"\n    deny: [GET /b/{deep}]\n"
    )
    assert [finding.split()[1] for finding in found()] == ["warning"] * 4

    policy.write_text(f"version: 1\ngroups:\n  g:\n    allow: [GET /b/c/{deep}]\n")
    (finding,) = json.loads(run("--format", "json").stdout)["findings"]
    assert "expected at most 100 segments, found 101" in finding["message"]


def test_ten_thousand_rules_take_seconds(policy: Path) -> None:
    """What is compared with what does not grow with the square of the rules."""
    chance = random.Random(7)
    lines = ["version: 1", "groups:"]
    for group in range(200):
        included = f"[group{group - 1}]" if group % 10 else "[]"
        lines += [f"  group{group}:", f"    includes: {included}", "    allow:"]
        for _ in range(50):
            area, item = chance.randrange(30), chance.randrange(2000)
            method = chance.choice(["GET", "POST", "GET,PUT", "ANY"])
            lines.append(f"      - {method} /area{area}/{{id}}/part{item}")
    policy.write_text("\n".join(lines))

    before = process_time()
    result = run()
    # Three seconds are promised. On a busy machine it takes more; rule by rule it took minutes.
    assert process_time() - before < 20
    assert "P202" in result.stdout


# --- what tests beside the policy say of callers --------------------------------------------------

TOGETHER = "groups-without-a-document-together"


@pytest.mark.parametrize(
    ("tests", "severities"),
    [
        pytest.param(b"", ["warning"], id="empty"),
        pytest.param(b"\xff", ["warning"], id="no text"),
        pytest.param(b"tests: {a: [}", ["warning"], id="no YAML"),
        pytest.param(b"tests:\n  - as: {groups: member}\n", ["warning"], id="no list"),
        pytest.param(b"tests:\n  - as: {groups: [support, lister]}\n", ["warning"], id="exact"),
        pytest.param(
            b"tests:\n  - as: {groups: [support, member]}\n    deny: [/nothing]\n    if: so\n",
            ["error"],
            id="with mistakes beside",
        ),
    ],
)
def test_callers_of_tests_are_judged_as_far_as_these_can_be_read(
    policy: Path, tests: bytes, severities: list[str]
) -> None:
    """A file of tests that is wrong is for 'authorizer test' to tell: check goes on without it."""
    read_case(CORPUS / f"{TOGETHER}.yaml").findings(policy.parent)
    (policy.parent / "users.policy-test.yaml").write_bytes(tests)
    (policy.parent / "folder.policy-test.yaml").mkdir()

    report = json.loads(run("-t", "template.yaml", "--format", "json").stdout)
    told = [one["severity"] for one in report["findings"] if one["code"] == "X209"]
    assert told == severities
