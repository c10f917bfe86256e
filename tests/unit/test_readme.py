"""What the pages say can be copied works when it is, and what CONTRIBUTING names is there."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from simulator import CLIENT_ID, POOL_ID, Clock, Cognito

import authorizer
from authorizer.cli.policy_file import load_document

PROJECT = Path(__file__).parents[2]
VERIFIER = (PROJECT / "docs/verifier.md").read_text()


def blocks(language: str, text: str = VERIFIER) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", ["README.md", "docs/policy.md"])
def test_every_policy_compiles(name: str, tmp_path: Path) -> None:
    """A policy in the documents is a whole one."""
    policies = blocks("yaml", (PROJECT / name).read_text())
    assert policies
    for text in policies:
        (tmp_path / "policy.yaml").write_text(text)
        load_document(tmp_path / "policy.yaml")


def test_a_compiled_rule_is_shown_as_it_is(tmp_path: Path) -> None:
    """What the documents say of policy.json stands in it."""
    text = (PROJECT / "docs/policy.md").read_text()
    (tmp_path / "policy.yaml").write_text(blocks("yaml", text)[0])
    compiled, _ = load_document(tmp_path / "policy.yaml")
    assert f"    {blocks('json', text)[0]}" in compiled.decode()


def test_the_verifier_snippet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler greets the bearer of a good token, and nobody else."""
    cognito, clock = Cognito(), Clock()
    keys = authorizer.JwksCache(bundled={cognito.pool(): cognito.key_set()}, clock=clock)
    offline = functools.partial(authorizer.TokenVerifier, keys=keys, clock=clock)
    monkeypatch.setattr("authorizer.TokenVerifier", offline)
    snippet = blocks("python")[0].replace("eu-west-1_AbCdEfGhI", POOL_ID)
    namespace: dict[str, Any] = {}
    exec(snippet.replace("4k2example", CLIENT_ID), namespace)

    def answer(authorization: str) -> dict[str, Any]:
        event = {"headers": {"authorization": authorization}}
        result: dict[str, Any] = namespace["handler"](event, None)
        return result

    assert answer(f"Bearer {cognito.token()}") == {"statusCode": 200, "body": "Hello alice"}
    for refused in ("", cognito.token(exp=1), f"Basic {cognito.token()}", cognito.id_token()):
        assert answer(refused) == {"statusCode": 401}


def test_the_policy_snippet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sample policy answers as the snippet expects."""
    (tmp_path / "policy.json").write_bytes(load_document(PROJECT / "policy.yaml")[0])
    monkeypatch.chdir(tmp_path)
    snippet = blocks("python")[1]
    exec(snippet, {})
    exec(snippet.replace('"reader"', '"nobody"'), {})
    allowed, denied = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"True None \d+", allowed)
    assert denied == "False not_granted None"


def test_readme_needs_two_screens() -> None:
    """Who comes by sees what it is; the rest has pages of its own."""
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 140


def test_the_snippet_in_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells whose a good token is, and raises what it says for a bad one."""
    cognito, clock = Cognito(), Clock()
    keys = authorizer.JwksCache(bundled={cognito.pool(): cognito.key_set()}, clock=clock)
    offline = functools.partial(authorizer.TokenVerifier, keys=keys, clock=clock)
    monkeypatch.setattr("authorizer.TokenVerifier", offline)
    (snippet,) = blocks("python", (PROJECT / "README.md").read_text())
    namespace: dict[str, Any] = {}
    named = snippet.replace("eu-west-1_AbCdEfGhI", POOL_ID).replace("4k2example", CLIENT_ID)
    exec(named, namespace)
    assert namespace["who_is"](cognito.token(sub="42")) == "42"
    with pytest.raises(authorizer.InvalidTokenError, match="expire"):
        namespace["who_is"](cognito.token(exp=1))


@pytest.mark.parametrize("name", ["README", "docs/getting-started"])
def test_a_translation_has_the_same_blocks_and_links(name: str) -> None:
    """What is copied and where one is sent does not differ by the language around it."""
    pages = [(PROJECT / f"{name}{language}.md").read_text() for language in ("", ".zh-TW")]
    ours, theirs = (re.findall(r"^```.*\n(?:.*\n)*?```$", page, re.MULTILINE) for page in pages)
    assert ours
    assert ours == theirs
    # Those within the page are headings of its language.
    links = [re.findall(r"\]\((?!#)(.+?)\)", re.sub(r"[.-]zh-TW\.", ".", page)) for page in pages]
    assert sorted(links[0]) == sorted(links[1])


@pytest.mark.parametrize("page", ["README.md", "docs/verifier.md", "docs/middleware.md"])
def test_the_snippets_pass_strict_type_checking(tmp_path: Path, page: str) -> None:
    """Whoever copies one into a project of theirs has no type error from it."""
    snippets = blocks("python", (PROJECT / page).read_text())
    assert snippets
    files = [tmp_path / f"snippet{number}.py" for number in range(len(snippets))]
    for file, snippet in zip(files, snippets, strict=True):
        file.write_text(snippet)
    finished = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, files)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
WHERE_TO_LOOK = (PROJECT, PROJECT / "authorizer/cli")


NAMED = re.findall(r"`([\w.*/]+(?:/|\.(?:html|md|py|txt|yaml)))`", CONTRIBUTING)


@pytest.mark.parametrize("name", sorted(set(NAMED)))
def test_what_contributing_names_is_there(name: str) -> None:
    """Who is sent to a file finds it."""
    assert any(list(folder.glob(name)) for folder in WHERE_TO_LOOK), name


@pytest.mark.parametrize("page", ["*.md", "docs/**/*.md", "benchmarks/*.md", "events/*.md"])
def test_each_target_of_make_that_a_page_names_is_there(page: str) -> None:
    """Who copies a command of make has it run."""
    targets = set(re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(path.read_text() for path in PROJECT.glob(page))
    named = set(re.findall(r"(?:^|`)make ([a-z][\w-]*)", text, re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize(
    "row", [line for line in CONTRIBUTING.splitlines() if line.startswith("| a")]
)
def test_what_contributing_says_to_change_is_in_the_files_that_it_names(row: str) -> None:
    """Each class, function and table of a row stands in one of the row's files."""
    spans = re.findall(r"`([\w.*/]+)`", row)
    files = [path for folder in WHERE_TO_LOOK for span in spans for path in folder.glob(span)]
    text = "".join(path.read_text() for path in files if path.suffix == ".py")
    names = {span for span in spans if re.fullmatch(r"_?[A-Z]\w*", span)}
    assert {name for name in names if name not in text} == set()


def test_the_house_has_a_room_for_each_module() -> None:
    """The drawing is whole: what stands at the top of a package is in it."""
    (drawing,) = [text for text in blocks("text", CONTRIBUTING) if "authorizer/cli/" in text]
    words = set(re.findall(r"\w+", drawing))
    for package in ("authorizer", "authorizer/cli"):
        modules = {path.stem for path in (PROJECT / package).iterdir() if path.stem[0] != "_"}
        assert modules - {"py", "cli", "errors", "strict_json"} <= words
