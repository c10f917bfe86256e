"""``policy.yaml`` with the place of everything in it, for the tools that point into it.

What ships is the compiled policy, which knows lines only; here every name, rule and acceptance has
line and column. ``authorizer.cli.policy_file.load_source`` reads it. All places are those of the
first character (the quote, where a text is quoted), counted from 1.

- ``SourcePolicy.groups``: each :class:`SourceSubject` with the place of its name, the names that it
  includes, and its allow and deny rules;
- ``SourcePolicy.scopes``: each, likewise, with its allow rules;
- ``SourcePolicy.public``: each line that lists a public route, as a rule that grants it to
  ``PUBLIC``;
- ``SourcePolicy.accepted``: each :class:`Acceptance` of a finding;
- ``SourcePolicy.tests``: the value of ``tests:`` as YAML reads it, unchecked. It is not compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorizer.policy.model import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authorizer.cli.location import Location
    from authorizer.cli.yaml_source import Node, Text

# Subject of the lines that list public routes.
PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRule(Rule):
    """One line that grants or denies; or that lists a public route, as a grant to ``PUBLIC``."""

    location: Location

    @property
    def text(self) -> str:
        """As written, without quotes."""
        return self.pattern.text


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSubject:
    """A group, or a scope of tokens without a user, with its own rules only.

    Attributes:
        location: of its name.
        includes: in the file's order, each with its place; a scope includes none.
        deny: a scope denies nothing.
    """

    name: str
    location: Location
    includes: tuple[Text, ...] = ()
    allow: tuple[SourceRule, ...] = ()
    deny: tuple[SourceRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A finding that somebody has decided to live with.

    Attributes:
        code: of the finding.
        reason: why; never empty.
        about: the name of what the finding is about, where not all findings of that code are
            accepted.
        location: of the code; in a list, of its own entry.
    """

    code: str
    reason: str
    about: str | None = None
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePolicy:
    """The policy file.

    Attributes:
        file: as the user named it.
        tests: the value of the key ``tests``; nothing where there is none.
    """

    file: str
    groups: tuple[SourceSubject, ...] = ()
    scopes: tuple[SourceSubject, ...] = ()
    public: tuple[SourceRule, ...] = ()
    accepted: tuple[Acceptance, ...] = ()
    tests: Node | None = None

    @property
    def rules(self) -> Iterator[SourceRule]:
        """Every rule of every group and scope, in the compiled policy's order."""
        for subject in (*self.groups, *self.scopes):
            yield from subject.allow
            yield from subject.deny
