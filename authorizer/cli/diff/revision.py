"""A policy from a file or from git: ``policy.yaml``, ``HEAD~1``, ``main:svc/policy.yaml``.

A bare revision says nothing of the file, and there is one file for both operands: the one that the
other operand names; if both are bare, ``policy.yaml`` here or, from a subfolder, at the root. It
is never looked for elsewhere, for then two different files would be compared.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from authorizer.cli.analysis.source import Source, load_source, read_source
from authorizer.cli.diff.git import GitError, Repository, repository_at
from authorizer.cli.diff.hints import POLICY, as_two_words, file_like, is_file, is_folder, path_like
from authorizer.cli.policy_file import MAX_DOCUMENT_BYTES
from authorizer.cli.text import plain
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from collections.abc import Sequence

# Revision and path. As git does, without the colon in braces: HEAD@{12:30}:policy.yaml.
_SPELLED = re.compile(r"(:[0-3]|(?:\{[^{}]*\}|[^:{])*):(.*)", re.DOTALL)


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


def read_operands(old: str, new: str) -> tuple[Source, Source]:
    """Read both policies.

    Raises:
        ConfigurationError: one is neither a file nor a revision, or the file is not there.
    """
    first, second = _operand(old), _operand(new)
    if first.file is None or second.file is None:
        try:
            return _read_both(first, second, _repository(first, second))
        except GitError as error:  # an object is broken, or was never fetched
            why = clip(str(error), 120)
            raise ConfigurationError([f"git cannot show what it should have: {why}"]) from error
    return load_source(first.file), load_source(second.file)


def _read_both(first: _Operand, second: _Operand, repository: Repository) -> tuple[Source, Source]:
    first, second = (_resolved(one, repository) for one in (first, second))
    path = _common_path(first, second, repository)
    return _read(first, path, repository), _read(second, path, repository)


def _operand(text: str) -> _Operand:
    if text.startswith("-") or "\0" in text or not text:
        raise ConfigurationError([f"expected a file or a git revision, found {clip(text)}"])
    if is_file(text):
        return _Operand(text=text, file=Path(text))
    spelled = None if text.startswith(":/") else _SPELLED.fullmatch(text)
    if spelled is None:
        return _Operand(text=text, revision=text)
    return _Operand(text=text, revision=spelled[1], path=spelled[2])


def _repository(*operands: _Operand) -> Repository:
    """The one here; outside of any, the one that has the file."""
    folders = [Path(), *(one.file.parent for one in operands if one.file)]
    for folder in folders:
        try:
            return repository_at(folder)
        except GitError as error:
            refused = error
    asked = next(one for one in operands if one.file is None)
    raise ConfigurationError([_unknown(asked.text, f"git says {clip(str(refused), 120)}")])


def _resolved(operand: _Operand, repository: Repository) -> _Operand:
    if operand.file is not None:
        return operand
    tree = repository.tree(operand.revision)
    if tree is None:
        raise ConfigurationError([_unknown(operand.text, "git has no such revision")])
    if operand.revision.startswith(":/"):  # a message, which no path can follow
        operand = replace(operand, revision=repository.id_of(operand.revision) or tree)
    return replace(operand, tree=tree)


def _unknown(text: str, reason: str) -> str:
    """That an operand is nothing, and what it may have been meant to be."""
    words = as_two_words(text)
    if words is not None:
        return f"expected OLD and NEW as two words, found {clip(text)}; write: {words}"
    like = file_like(text)
    hint = f"; did you mean {like}?" if like else f", and {reason}"
    found = "a folder" if is_folder(text) else "no such file"
    return f"expected a file or a git revision, found {clip(text)}: {found}{hint}"


def _common_path(first: _Operand, second: _Operand, repository: Repository) -> str:
    """The path that a bare revision stands for, from the root; nothing if none is bare."""
    if not (first.is_bare or second.is_bare):
        return ""
    if first.is_bare and second.is_bare:
        return _policy((first, second), repository)
    named, bare = (second, first) if first.is_bare else (first, second)
    if named.path is not None:
        return _from_root(named, repository)
    return _path_of_file(named, bare, repository)


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
    likes = [(one, _like(one, str(here / POLICY), repository)) for one in operands]
    lacking, like = next((pair for pair in likes if pair[1]), likes[0])
    hint = f"; name it: {like}" if like else ""
    raise ConfigurationError([f"{_name(lacking)} has no {POLICY}{where}{hint}"])


def _like(operand: _Operand, path: str, repository: Repository) -> str | None:
    like = path_like(path, repository.prefix, repository.files(operand.tree))
    return like and plain(f"{operand.revision}:{like}")


def _path_of_file(named: _Operand, bare: _Operand, repository: Repository) -> str:
    file = named.file or Path()
    try:
        beside = repository_at(file.parent)
        if beside.directory == repository.directory:
            return f"{beside.prefix}{file.name}"
    except GitError:
        pass  # it is in none
    like = _like(bare, file.name, repository)
    hint = f"; name the file: {like}" if like else ""
    raise ConfigurationError(
        [f"{plain(str(file))} is not in the repository that has {_name(bare)}{hint}"]
    )


def _from_root(operand: _Operand, repository: Repository) -> str:
    """The path of an operand that has one. As git's, it is relative only with a dot before."""
    path = operand.path or ""
    if path.startswith(("./", "../")):
        path = posixpath.normpath(posixpath.join(repository.prefix, path))
    return path


def _read(operand: _Operand, common: str, repository: Repository) -> Source:
    if operand.file is not None:
        return load_source(operand.file)
    path = common if operand.path is None else _from_root(operand, repository)
    name = f"{operand.revision}:{path}"
    match repository.kind(operand.tree, path):
        case None:
            like = _like(operand, path, repository)
            hint = f"; name the file: {like}" if like else ""
            raise ConfigurationError([f"{_name(operand)} has no {plain(path)}{hint}"])
        case "blob":
            data = repository.show(operand.tree, path)
            return read_source(data[: MAX_DOCUMENT_BYTES + 1], name)
        case _:
            raise ConfigurationError([f"expected a file, found {plain(name)}: a folder"])


def _name(operand: _Operand) -> str:
    """The revision, for people."""
    return plain(operand.revision) or "what is staged"
