"""``authorizer diff``: two policies, and what the change between them lets whom do.

A policy is in a file or in git: ``policy.yaml``, ``HEAD~1``, ``main:svc/policy.yaml``. A bare
revision says nothing of the file: it is the one that the other operand names, or ``policy.yaml``
here. What a revision and a path are is git's to say. It is told what to show after
``--end-of-options``, and what begins with ``-`` is no revision: an argument must not become an
option. It is asked for a file's bytes as they were committed, with no filter and no other program
of the repository's choice.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from authorizer.cli.analysis.named_policy import NamedPolicy, load_policy, read_policy
from authorizer.cli.analysis.protection import routes_that_ask, unnamed_routes
from authorizer.cli.analysis.unresolved import unread_in_words
from authorizer.cli.diff.compare import compare
from authorizer.cli.diff.report import as_json, headline, markdown_of, page_of, print_diff
from authorizer.cli.options import (
    POLICY,
    api_option,
    open_api,
    page_option,
    require_one_form,
    template_option,
    write_file,
)
from authorizer.cli.policy_file import MAX_DOCUMENT_BYTES
from authorizer.cli.text import plain
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from authorizer.cli.diff.compare import Diff

# Revision and path. As git does, without the colon in braces: HEAD@{12:30}:policy.yaml.
_SPELLED = re.compile(r"(?!:/)(?P<revision>:[0-3]|(?:\{[^{}]*\}|[^:{])*):(?P<path>.*)", re.DOTALL)
_SECONDS = 30


@click.command()
@click.argument("old")
@click.argument("new", required=False, metavar="NEW")
@template_option
@api_option
@click.option("--no-widening", is_flag=True, help="Exit code 1 if anyone gains anything.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    help="What to print, by default text.",
)
@page_option
def diff(
    *,
    old: str,
    new: str | None,
    template: Path | None,
    api: str | None,
    form: str | None,
    page: Path | None,
    no_widening: bool,
) -> None:
    """What each group, each scope and everyone gains and loses from OLD to NEW, route by route.

    OLD and NEW are policy files, or revisions in git: main:svc/policy.yaml is a file there, and
    HEAD~1 alone the file that the other one is. Policies are compared by what they allow: moving
    lines changes nothing.

    \b
      authorizer diff HEAD policy.yaml   what is not committed yet
      authorizer diff main:policy.yaml HEAD:policy.yaml --no-widening
                                         what this branch changes

    Exit code 0; 1 with --no-widening if anyone gains anything; 2 if they cannot be compared.
    """  # noqa: D301 - \b is click's
    if new is None:
        raise click.UsageError(f"expected OLD and NEW, found one; write: {_command_of(old)}")
    require_one_form(form, page)
    routes: tuple[str, ...] | None = None
    unnamed: frozenset[str] = frozenset()
    opened = open_api(template, api)
    unread: tuple[str, ...] = ()
    if opened is not None:
        routes, unnamed = tuple(routes_that_ask(opened[1])), unnamed_routes(*opened)
        unread = tuple(unread_in_words(*opened))
        for route in unread:
            click.echo(route, err=True)
    found = compare(_read(old, new), _read(new, old), routes=routes, unnamed=unnamed)
    _tell(found, unread, form, page)
    if no_widening and found.widens:
        raise click.exceptions.Exit(1)


def _tell(found: Diff, unread: tuple[str, ...], form: str | None, page: Path | None) -> None:
    """Print it in the form that was asked for, or write the page."""
    if page is not None:
        write_file(page, page_of(found, unread).encode())
        click.echo(f"{headline(found)} -> {page}", err=True)
    elif form == "json":
        click.echo(json.dumps(as_json(found), indent=1))
    elif form == "markdown":
        click.echo(markdown_of(found), nl=False)
    else:
        print_diff(found, Console())


def _command_of(operand: str) -> str:
    """The command that may have been meant by one operand alone."""
    named = plain(operand)
    return f"authorizer diff {f'HEAD {named}' if _is_file(operand) else f'{named} HEAD'}"


def _read(operand: str, other: str) -> NamedPolicy:
    if _is_file(operand):
        return load_policy(Path(operand))
    if operand.startswith("-") or "\0" in operand or not operand:
        raise ConfigurationError([f"expected a file or a git revision, found {clip(operand)}"])
    is_bare = _SPELLED.fullmatch(operand) is None
    name = f"{operand}:{_path_of(other)}" if is_bare else operand
    return read_policy(_blob(name, operand)[: MAX_DOCUMENT_BYTES + 1], name)


def _path_of(operand: str) -> str:
    """Where the other operand's file is at a revision, seen from here, as git spells that."""
    if _is_file(operand):
        relative = os.path.relpath(operand)
        return relative if relative.startswith("..") else f"./{relative}"
    spelled = _SPELLED.fullmatch(operand)
    return f"./{POLICY}" if spelled is None else spelled["path"]


def _is_file(operand: str) -> bool:
    """Whether there is such a file, or pipe; a folder must not hide the branch of its name."""
    with suppress(OSError, ValueError):  # too long for a name, or not one
        # What is spelled as git's is git's, whatever is there.
        return not _SPELLED.fullmatch(operand) and (
            Path(operand).exists() and not Path(operand).is_dir()
        )
    return False


def _blob(name: str, operand: str) -> bytes:
    try:
        finished = subprocess.run(  # noqa: S603 - no shell, and nothing of it is an option
            ["git", "cat-file", "blob", "--end-of-options", name],  # noqa: S607 - the user's own git
            env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        why = "there is no git to ask" if isinstance(error, FileNotFoundError) else "git fails"
        raise ConfigurationError([f"{clip(name)} is not in a file, and {why}"]) from error
    if finished.returncode:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[0].removeprefix("fatal: ") if lines else "no reason given"
        expected = f"expected a file or a git revision, found {clip(operand)}: no such file"
        raise ConfigurationError([f"{expected}, and git says of {clip(name)}: {clip(reason, 120)}"])
    return finished.stdout
