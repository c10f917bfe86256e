"""A policy from a file or from git: ``policy.yaml``, ``HEAD~1``, ``main:svc/policy.yaml``.

A bare revision says nothing of the file, and there is one file for both operands: the one that the
other operand names; if both are bare, ``policy.yaml`` here or, from a subfolder, at the root. It
is never looked for elsewhere, for then two different files would be compared.
"""

from __future__ import annotations

import posixpath
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NoReturn

from authorizer.cli.analysis.named_policy import NamedPolicy, load_policy, read_policy
from authorizer.cli.diff.git import GitError, Repository, repository_at
from authorizer.cli.options import POLICY
from authorizer.cli.policy_file import MAX_DOCUMENT_BYTES
from authorizer.cli.text import plain
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from collections.abc import Sequence

# Revision and path. As git does, without the colon in braces: HEAD@{12:30}:policy.yaml.
_SPELLED = re.compile(r"(:[0-3]|(?:\{[^{}]*\}|[^:{])*):(.*)", re.DOTALL)
# git's a..b, and not a path such as ../b or a/../b.
_RANGE = re.compile(r"(.*[^./])?\.{2,3}([^./].*)?", re.DOTALL)
# No text that is meant is longer, and no folder worth searching larger.
_LONGEST = 200
_MOST_FILES = 2_000
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operand:
    """What the user wrote.

    Attributes:
        file: it, if there is one of that name.
        revision: otherwise.
        path: as written after the revision, or nothing after a bare one.
        tree: the id of the revision's files, once git was asked.
    """

    text: str
    file: Path | None = None
    revision: str = ""
    path: str | None = None
    tree: str = ""

    @property
    def is_bare(self) -> bool:
        return self.file is None and self.path is None

    @property
    def name(self) -> str:
        """The revision, for people."""
        return plain(self.revision) or "what is staged"


def read_operands(old: str, new: str) -> tuple[NamedPolicy, NamedPolicy]:
    """Read both policies.

    Raises:
        ConfigurationError: one is neither a file nor a revision, or the file is not there.
    """
    first, second = _operand(old), _operand(new)
    if first.file is not None and second.file is not None:
        return load_policy(first.file), load_policy(second.file)
    try:
        repository = _repository(first, second)
        first, second = (_resolved(one, repository) for one in (first, second))
        path = _common_path(first, second, repository)
        return _read(first, path, repository), _read(second, path, repository)
    except GitError as error:  # an object is broken, or was never fetched
        _fail(f"git cannot show what it should have: {clip(str(error), 120)}")


def command_of(old: str) -> str:
    """The command that may have been meant by one operand alone."""
    is_file = _kind(old) == "file"
    operands = f"HEAD {plain(old)}" if is_file else f"{plain(old)} HEAD"
    return _as_two_words(old) or f"authorizer diff {operands}"


def _fail(problem: str) -> NoReturn:
    raise ConfigurationError([problem])


def _operand(text: str) -> _Operand:
    if text.startswith("-") or "\0" in text or not text:
        _fail(f"expected a file or a git revision, found {clip(text)}")
    if _kind(text) == "file":
        return _Operand(text=text, file=Path(text))
    spelled = None if text.startswith(":/") else _SPELLED.fullmatch(text)
    if spelled is None:
        return _Operand(text=text, revision=text)
    return _Operand(text=text, revision=spelled[1], path=spelled[2])


def _kind(text: str) -> str:
    """What is there: a file, or a folder, which must not hide the branch of its name."""
    with suppress(OSError, ValueError):  # too long for a name, or not one
        path = Path(text)
        return "folder" if path.is_dir() else "file" if path.exists() else ""
    return ""


def _repository(*operands: _Operand) -> Repository:
    """The one here; outside of any, the one that has the file."""
    refusals = []
    for folder in (Path(), *(one.file.parent for one in operands if one.file)):
        try:
            return repository_at(folder)
        except GitError as error:
            refusals.append(clip(str(error), 120))
    asked = next(one for one in operands if one.file is None)
    _fail(_unknown(asked.text, f"git says {refusals[-1]}"))


def _resolved(operand: _Operand, repository: Repository) -> _Operand:
    if operand.file is not None:
        return operand
    tree = repository.tree(operand.revision)
    if tree is None:
        _fail(_unknown(operand.text, "git has no such revision"))
    if operand.revision.startswith(":/"):  # a message, which no path can follow
        operand = replace(operand, revision=repository.id_of(operand.revision) or tree)
    return replace(operand, tree=tree)


def _unknown(text: str, reason: str) -> str:
    """That an operand is nothing, and what it may have been meant to be."""
    words = _as_two_words(text)
    if words is not None:
        return f"expected OLD and NEW as two words, found {clip(text)}; write: {words}"
    like = _file_like(text)
    hint = f"; did you mean {like}?" if like else f", and {reason}"
    found = "a folder" if _kind(text) == "folder" else "no such file"
    return f"expected a file or a git revision, found {clip(text)}: {found}{hint}"


def _as_two_words(text: str) -> str | None:
    """How to write git's ``v1..HEAD`` here; nothing for any other text."""
    found = _RANGE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or not (found[1] or found[2]):
        return None
    return f"authorizer diff {plain(found[1] or 'HEAD')} {plain(found[2] or 'HEAD')}"


def _file_like(text: str) -> str | None:
    """A file whose name is like a text, or the policy in a folder of that name."""
    path = Path(text)
    with suppress(OSError, ValueError):
        if len(text) <= _LONGEST and path.is_dir():
            path = path / POLICY
        elif len(text) <= _LONGEST:
            beside = [one.name for one in path.parent.iterdir() if one.suffix in _SUFFIXES]
            close = get_close_matches(path.name, beside[:_MOST_FILES], n=1)
            path = path.with_name(close[0]) if close else path
        return plain(str(path)) if path.is_file() else None
    return None


def _common_path(first: _Operand, second: _Operand, repository: Repository) -> str:
    """The path that a bare revision stands for, from the root; nothing if none is bare."""
    if not (first.is_bare or second.is_bare):
        return ""
    if first.is_bare and second.is_bare:
        return _policy((first, second), repository)
    named, bare = (second, first) if first.is_bare else (first, second)
    if named.file is None:
        return _from_root(named, repository)
    with suppress(GitError):  # it may be in none
        beside = repository_at(named.file.parent)
        if beside.directory == repository.directory:
            return f"{beside.prefix}{named.file.name}"
    hint = _hint("name the file", bare, named.file.name, repository)
    _fail(f"{plain(str(named.file))} is not in the repository that has {bare.name}{hint}")


def _policy(operands: Sequence[_Operand], repository: Repository) -> str:
    """The policy here or at the root. One between is nearer than the root's, and to be named."""
    here = PurePosixPath(repository.prefix)
    for folder in (here, *here.parents):
        path = str(folder / POLICY)
        if any(repository.kind(one.tree, path) == "blob" for one in operands):
            if folder in (here, PurePosixPath()):
                return path
            break
    where = f" in {plain(str(here))}" if here.parts else ""
    hints = [(one, _hint("name it", one, str(here / POLICY), repository)) for one in operands]
    lacking, hint = next((pair for pair in hints if pair[1]), hints[0])
    _fail(f"{lacking.name} has no {POLICY}{where}{hint}")


def _from_root(operand: _Operand, repository: Repository) -> str:
    """The path of an operand that has one. As git's, it is relative only with a dot before."""
    path = operand.path or ""
    if path.startswith(("./", "../")):
        path = posixpath.normpath(posixpath.join(repository.prefix, path))
    return path


def _read(operand: _Operand, common: str, repository: Repository) -> NamedPolicy:
    if operand.file is not None:
        return load_policy(operand.file)
    path = common if operand.path is None else _from_root(operand, repository)
    name = f"{operand.revision}:{path}"
    kind = repository.kind(operand.tree, path)
    if kind is None:
        hint = _hint("name the file", operand, path, repository)
        _fail(f"{operand.name} has no {plain(path)}{hint}")
    if kind != "blob":
        _fail(f"expected a file, found {plain(name)}: a folder")
    return read_policy(repository.show(operand.tree, path)[: MAX_DOCUMENT_BYTES + 1], name)


def _hint(advice: str, operand: _Operand, path: str, repository: Repository) -> str:
    """The file of a revision that may be meant by a path that it does not have."""
    like = _path_like(path, repository.prefix, repository.files(operand.tree))
    return f"; {advice}: {plain(f'{operand.revision}:{like}')}" if like else ""


def _path_like(path: str, prefix: str, files: Sequence[str]) -> str | None:
    """Of some files, the nearest one that has the name of a path, is like it, or is a policy.

    Args:
        path: from the root.
        prefix: of the folder where one stands, which is looked at upwards first.
        files: all there are.
    """
    others = [one for one in files if one != path and PurePosixPath(one).suffix in _SUFFIXES]
    here = PurePosixPath(prefix)

    def distance(one: str) -> tuple[bool, int, str]:
        folder = PurePosixPath(one).parent
        is_above = here.is_relative_to(folder)
        depth = len(folder.parts)
        return (not is_above, -depth if is_above else depth, one)

    called = [one for one in others if PurePosixPath(one).name == PurePosixPath(path).name]
    close = get_close_matches(path[:_LONGEST], others[:_MOST_FILES], n=1)
    usual = [one for one in others if PurePosixPath(one).name == str(POLICY)]
    found = called or close or usual
    return min(found, key=distance) if found else None
