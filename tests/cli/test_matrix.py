"""``authorizer matrix``: the same sheet in a terminal, as Markdown and as a page."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from html_pages import Page, assert_needs_nothing
from rich.console import Console

from authorizer.cli.analysis.named_policy import read_policy
from authorizer.cli.analysis.permissions import Extent
from authorizer.cli.analysis.sheet import Sheet, sheet_of_api, sheet_of_policy
from authorizer.cli.location import Location
from authorizer.cli.main import cli
from authorizer.cli.matrix.report import page_of, print_sheet
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    Authorizer,
    AuthorizerKind,
    Route,
    Template,
    Unknown,
)

POLICY = """version: 1
groups:
  reader:
    allow:
      - GET /articles/{id}
      - GET,PATCH /users/{user=sub}
  suspended:
    deny:
      - ANY /**
scopes:
  reports/read:
    allow:
      - GET /reports
public:
  - GET /health
"""
HOSTILE = r"""version: 1
groups:
  "<script>alert(1)</script>":
    allow:
      - GET /a
  "\"onmouseover=alert(1)":
    allow:
      - GET /a
  "</script><!--":
    allow:
      - GET /a/{x=sub}
  "\e[31mred\u202e":
    allow:
      - GET /a
  "a|b`c":
    allow:
      - GET /a
"""
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Unknown: {Type: String}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        A: {Type: HttpApi, Properties: {Method: GET, Path: /a}}
        Users: {Type: HttpApi, Properties: {Method: GET, Path: "/users/{id}"}}
"""
PLACE = Location(file="template.yaml", line=7, column=3)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def run(*arguments: object, columns: int = 100) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(cli, ["matrix", *map(str, arguments)])


def page(text: str = POLICY) -> Page:
    return Page(page_of(sheet_of_policy(read_policy(text.encode(), "policy.yaml"))))


def test_text_has_a_word_and_a_sign_for_each_cell(policy: Path) -> None:
    """Colours are not needed to read it, and each condition has the rule and its line."""
    result = run(policy)

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split() for line in lines if line.strip().startswith("GET /users")] == [
        ["GET", "/users/{user}", ".", "=", "own", "2", "!", "deny", "1", "."]
    ]
    assert "  2 own: only where {user} = sub" in lines
    assert f"{policy}:6 allow GET,PATCH /users/{{user=sub}} (group reader)" in result.stdout
    assert "= own (2): where a parameter equals a claim of the caller" in lines
    assert "\x1b" not in result.stdout


class Terminal(StringIO):
    """What is printed to a terminal."""

    def isatty(self) -> bool:
        return True


def in_terminal(columns: int) -> list[str]:
    """The sheet as a terminal of that width gets it."""
    console = Console(file=Terminal(), width=columns, color_system=None)
    print_sheet(sheet_of_policy(read_policy(POLICY.encode(), "policy.yaml")), console)
    return str(console.file.getvalue()).splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_tables_are_not_wider_than_the_terminal(columns: int) -> None:
    """Columns that have no room beside the others come in a further table, whole."""
    lines = in_terminal(columns)
    tables = [line for line in lines if line.startswith(" ")]
    headings = " ".join(line for line in lines if line.startswith(" route"))

    assert all(len(line.rstrip()) <= columns for line in tables if "policy.yaml" not in line)
    assert headings.count("route") == {40: 4, 60: 2, 80: 1, 200: 1}[columns]
    assert all(name in headings for name in ("everyone", "reader", "suspended"))


@pytest.mark.parametrize("columns", [40, 60])
def test_notes_have_the_same_numbers_however_narrow_the_terminal(columns: int) -> None:
    """A remark that two people talk about is the same one for both."""

    def notes(lines: list[str]) -> list[str]:
        return [line.strip() for line in lines if re.match(r" +\d+ ", line)]

    assert notes(in_terminal(columns)) == notes(in_terminal(200)) != []


@pytest.mark.parametrize("columns", [20, 80])
def test_what_is_no_terminal_gets_one_table(tmp_path: Path, columns: int) -> None:
    """A row of the sheet is a line of the output, for whatever program reads it."""
    policy = tmp_path / "policy.yaml"
    names = [f"group-of-a-long-name-{number}" for number in range(9)]
    policy.write_text(
        "version: 1\ngroups:\n"
        + "\n".join(f"  {name}: {{allow: [GET /{'x' * 90}]}}" for name in names)
    )
    environment = {"COLUMNS": str(columns), "FORCE_COLOR": "1", "NO_COLOR": "1"}
    printed = CliRunner(env=environment).invoke(cli, ["matrix", str(policy)]).stdout
    lines = re.sub(r"\x1b\[\d*m", "", printed).splitlines()

    assert lines[1].split() == ["route", "everyone", *names]
    assert lines[3].split() == ["GET", f"/{'x' * 90}", ".", *["+", "allow"] * 9]


def test_markdown_is_a_table_with_numbered_notes(policy: Path) -> None:
    """It reads the same on a page that renders it."""
    lines = run(policy, "--format", "markdown").stdout.splitlines()

    assert "| route | everyone | `reader` | `suspended` | scope `reports/read` |" in lines
    assert "| `GET /users/{user}` | · | own 2 | deny 1 | · |" in lines
    assert any(line.startswith("2. `own: only where {user} = sub`: `") for line in lines)


def test_the_page_is_one_accessible_table() -> None:
    """Headings of rows and columns say so, there is a caption, and each cell has its word."""
    found = page()
    scopes = [attributes.get("scope") for attributes in found.all("th")]

    assert scopes.count("col") == 1 + 4
    assert scopes.count("row") == len(found.all("tr")) - 1 == 6
    assert found.all("caption")
    assert found.content("td")[:4] == ["·", "allow", "deny", "·"]
    assert {attributes["class"] for attributes in found.all("td")} <= set(Extent)
    assert found.all("html") == [{"lang": "en"}]


def test_each_cell_leads_to_its_rules_and_lines() -> None:
    """Behind each cell's number are its outcome, what it depends on, and the rules."""
    found = page()
    own = next(cell for cell in found.all("td") if cell["class"] == "own")
    outcome, words, rules = found.data["cells"][int(own["data-d"] or 0)]

    assert (outcome, words) == ("own", "only where {user} = sub")
    assert [found.data["rules"][number] for number in rules] == [
        ["allow GET,PATCH /users/{user=sub} (group reader)", "policy.yaml:6"]
    ]
    assert found.data["cells"][0] == ["none", "nothing grants it", []]


def test_the_page_says_why_without_scripts_too() -> None:
    """On paper, or where scripts are off, the rules stand below, route by route."""
    text = page_of(sheet_of_policy(read_policy(POLICY.encode(), "policy.yaml")))
    appendix = text.partition('<section class="reasons">')[2]

    assert "allow GET,PATCH /users/{user=sub} (group reader)" in appendix
    assert '<span class="where">policy.yaml:6</span>' in appendix
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text


def test_the_digest_is_that_of_what_ships(policy: Path, tmp_path: Path) -> None:
    """With a template it is the digest that compiling with it prints, and that the logs have."""
    template, page = tmp_path / "template.yaml", tmp_path / "matrix.html"
    template.write_text(TEMPLATE)
    for options in ([], ["--template", str(template)]):
        compiled = CliRunner().invoke(
            cli, ["compile", str(policy), *options, "-o", f"{tmp_path}/x"]
        )
        digest = re.search(r"\(digest ([0-9a-f]+)\)", compiled.stderr)
        run(policy, *options, "--html", page)
        how = "with this template" if options else "without a template"
        assert digest is not None
        assert f"compiled {how}: <code>{digest[1]}</code>" in page.read_text()


def test_what_cannot_be_compiled_has_no_digest(policy: Path, tmp_path: Path) -> None:
    """Where not all routes are known there is nothing that could ship."""
    template, page = tmp_path / "template.yaml", tmp_path / "matrix.html"
    template.write_text(TEMPLATE.replace("Path: /a", "Path: !Ref Unknown"))
    run(policy, "--template", template, "--html", page)
    assert "compiled with this template: it cannot be compiled" in page.read_text()


def test_the_page_has_a_sign_for_what_has_no_room() -> None:
    """A place for the count, an edge that fades, and a scroll bar that is always seen."""
    found = page()
    assert {"id": "beyond"} in found.all("span")
    assert {"class": "frame"} in found.all("div")
    assert ".frame.more::after" in found.content("style")[0]
    assert "::-webkit-scrollbar" in found.content("style")[0]


def test_long_names_may_break_and_are_escaped_nonetheless() -> None:
    """After a slash or a hyphen the browser may begin a new line; a name's own tags are text."""
    found = page("version: 1\ngroups:\n  a-<wbr>b: {allow: [GET /c/d]}\n")
    assert len(found.all("wbr")) == len("-//")
    assert "<wbr>b" in found.content("wbr")[0]


def test_the_page_needs_nothing_and_allows_nothing_else() -> None:
    """Only its own style and script, by their digests; nothing is loaded from anywhere."""
    assert_needs_nothing(page_of(sheet_of_policy(read_policy(HOSTILE.encode(), "policy.yaml"))))


def test_names_are_text_wherever_they_stand() -> None:
    """A group's name opens no element, ends no attribute and no script, and prints as it is."""
    found = page(HOSTILE)
    titles = [attributes.get("data-title") for attributes in found.all("th")]

    assert len(found.all("script")) == 2
    assert "<script>alert(1)</script>" in titles
    assert '"onmouseover=alert(1)' in titles
    assert "\\x1b[31mred\\u202e" in titles
    rules = [rule for rule, _ in found.data["rules"]]
    assert "allow GET /a/{x=sub} (group </script><!--)" in rules


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_names_do_not_reach_the_terminal_raw(tmp_path: Path, form: str) -> None:
    """No escape sequence and no mark of direction is printed."""
    path = tmp_path / "policy.yaml"
    path.write_text(HOSTILE)
    result = run(path, "--format", form, columns=200)

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout


def test_the_page_is_written_to_a_file(policy: Path, tmp_path: Path) -> None:
    """``--html`` writes, and says so on standard error."""
    output = tmp_path / "matrix.html"
    result = run(policy, "--html", output)

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{policy}: 6 routes by 4 subjects -> {output}\n"
    assert output.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["none.yaml"], "none.yaml: cannot be read", id="no policy"),
        pytest.param(["policy.yaml", "--html", "no/x"], "no/x: cannot be written", id="folder"),
        pytest.param(["policy.yaml", "--api", "Api"], "give --template", id="api alone"),
        pytest.param(["policy.yaml", "--template", "none"], "none: ", id="no template"),
        pytest.param(
            ["policy.yaml", "--policy", "x.yaml"], "expected one policy", id="two policies"
        ),
        pytest.param(
            ["--html", "x.html", "--format", "markdown"], "give one", id="a page and Markdown"
        ),
        pytest.param(["--html", "x.html", "--format", "text"], "give one", id="a page and text"),
    ],
)
def test_what_cannot_be_done_is_said(
    policy: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """In a line, without a traceback, and with an exit code that is no answer."""
    monkeypatch.chdir(policy.parent)
    result = run(*arguments)

    assert result.exit_code == 2
    assert not Path("x.html").exists()
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_the_page_shows_the_projects_own_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/matrix.md shows is what is printed."""
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    shown = re.search(
        r"```console[^\n]*\n\$ authorizer matrix (.*)\n(.*?)```",
        (root / "docs/matrix.md").read_text(),
        re.DOTALL,
    )
    assert shown
    printed = run(*shown[1].split()).stdout
    assert [line.rstrip() for line in printed.strip("\n").splitlines()] == shown[2].splitlines()


def test_the_projects_own_sheet() -> None:
    """The sample policy on the sample template's routes; the template says what is public."""
    root = Path(__file__).parents[2]
    result = run(root / "policy.yaml", "--template", root / "template.yaml", columns=200)
    rows = {
        line.split("  ")[0].strip(): line.split("  ", 1)[1].split()
        for line in result.stdout.splitlines()
        if "  " in line.strip() and line.strip().startswith(("GET", "PATCH"))
    }

    assert result.exit_code == 0
    assert rows["GET /health"] == ["+", "allow"] * 6
    assert rows["GET /hello"] == [".", *["+", "allow"] * 3, "!", "deny", "1", "."]
    assert rows["GET /admin/{proxy+}"] == [*"...", "+", "allow", "!", "deny", "1", "."]


def sheet(
    *routes: Route,
    kind: AuthorizerKind = AuthorizerKind.REQUEST,
    api_kind: ApiKind = ApiKind.HTTP,
    is_complete: bool = True,
) -> Sheet:
    api = Api(
        id="Api",
        kind=api_kind,
        location=PLACE,
        routes=routes,
        authorizers=(Authorizer(name="Rbac", location=PLACE, kind=kind),),
        is_complete=is_complete,
    )
    template = Template(file="template.yaml", apis=(api,))
    return sheet_of_api(read_policy(POLICY.encode(), "policy.yaml"), template, api)


def route(key: str, authorizer: str | Unknown | None = "Rbac", **more: Any) -> Route:
    method, _, path = key.rpartition(" ")
    return Route(method=method, path=path, authorizer=authorizer, location=PLACE, **more)


def outcomes(sheet: Sheet) -> list[Extent]:
    return [sheet.lines[0].permission(subject).extent for subject in sheet.subjects]


def test_a_route_without_an_authorizer_is_everyones() -> None:
    """No deny counts where nobody is asked; and that the policy does not know of it is said."""
    found = sheet(route("GET /articles/{id}", None))

    assert outcomes(found) == [Extent.ALLOW] * 4
    assert found.lines[0].remark == "has no authorizer, and is not public in the policy"


def test_what_the_policy_calls_public_may_have_an_authorizer() -> None:
    """Then it is not public, whatever the policy says, and the sheet says so."""
    found = sheet(route("GET /health"))

    assert outcomes(found) == [Extent.NONE, Extent.NONE, Extent.DENY, Extent.NONE]
    assert found.lines[0].remark == "public in the policy, but has the authorizer Rbac"


def test_what_could_not_be_decided_is_said() -> None:
    """An authorizer that only a deployment knows is no yes and no no."""
    found = sheet(route("GET /articles/{id}", Unknown("parameter P")), is_complete=False)

    assert found.lines[0].remark == "authorizer not decidable: parameter P"
    assert found.unread == (
        "template.yaml:7:3: not every route of Api could be read offline",
        "template.yaml:7:3: the routes of Api: they are known only when deployed",
    )


UNREAD = """Transform: AWS::Serverless-2016-10-31
Parameters:
  Where:
    Type: String
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
  Other:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        paths: !Ref Where
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Get:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: GET, Path: !Ref Where}
        Put:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: PUT, Path: /hello}
"""
MISSING = [
    "template.yaml:6:3: not every route of Api could be read offline",
    "template.yaml:17:9: the route of event Get: parameter Where has no default",
]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("matrix policy.yaml --format markdown", id="Markdown"),
        pytest.param("matrix policy.yaml --html matrix.html", id="page"),
        pytest.param("diff policy.yaml policy.yaml", id="diff"),
    ],
)
def test_routes_that_could_not_be_read_are_named(
    policy: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """With file, line and column, in the same words everywhere; of that API, and no other."""
    monkeypatch.chdir(policy.parent)
    Path("template.yaml").write_text(UNREAD)
    arguments = f"{command} -t template.yaml --api Api".split()
    result = CliRunner().invoke(cli, arguments)

    assert result.exit_code == 0
    assert [line for line in result.stderr.splitlines() if ".html" not in line] == MISSING
    written = Path("matrix.html").read_text() if ".html" in command else result.stdout
    assert command.startswith("diff") or all(line in written for line in MISSING)


def test_routes_that_could_not_be_read_stand_below_the_sheet(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, for the sheet and its reader are there together."""
    monkeypatch.chdir(policy.parent)
    Path("template.yaml").write_text(UNREAD)
    result = run("--policy", "policy.yaml", "-t", "template.yaml", "--api", "Api", columns=40)

    assert [line for line in result.stdout.splitlines() if line.startswith("template")] == MISSING
    assert result.stderr == ""


def test_another_kind_of_authorizer_does_not_ask_the_policy() -> None:
    """A JWT authorizer enforces no policy.yaml, and the sheet does not pretend it did."""
    found = sheet(route("GET /articles/{id}"), kind=AuthorizerKind.JWT)
    assert found.lines[0].remark == "its authorizer Rbac is of kind jwt: the policy is not asked"


def test_only_routes_that_can_ask_are_shown() -> None:
    """A preflight has no authorizer, nor have a WebSocket's messages once it is connected."""
    http = sheet(route("$default"), route("OPTIONS /a", None, is_preflight=True))
    socket = sheet(route("$connect"), route("$default", None), api_kind=ApiKind.WEBSOCKET)

    assert [line.route.key for line in http.lines] == ["$default"]
    assert [line.route.key for line in socket.lines] == ["$connect"]


def test_a_large_sheet_is_one_page(tmp_path: Path) -> None:
    """A hundred routes by a hundred groups: a cell each, and few reasons."""
    groups = "\n".join(
        f"  g{number}:\n    allow:\n"
        + "\n".join(f"      - GET /r{(number * 7 + step) % 100}/{{x}}" for step in range(40))
        for number in range(100)
    )
    path = tmp_path / "policy.yaml"
    path.write_text(f"version: 1\ngroups:\n{groups}\n")
    run(path, "--html", tmp_path / "matrix.html")
    found = Page((tmp_path / "matrix.html").read_text())

    assert len(found.all("td")) == 100 * 101
    assert len(found.data["rules"]) == 100 * 40
