"""One IAM document for all that a caller may do: right however API Gateway caches it.

A cached document answers for every route of the API, so it must say of each what ``decide`` says
if it is told the route. (A TOKEN authorizer is not: what it refuses as ``path_unsafe`` when asked
is allowed by a document from before, if API Gateway found it to be a route that is granted.)

The difficulty is that ``*`` in an ARN also crosses ``/``: ``GET/users/*``, meant for
``/users/{id}``, grants ``/users/1/keys``, too, and ``/users/admin``, a route of its own. What to
deny for it is looked up in ``caller_table``; here the result is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authorizer.policy.caller_table import Inexact, choose, granted_parts
from authorizer.policy.compiled import CLAIM
from authorizer.policy.decision import counting_scopes
from authorizer.policy.iam import MOST_RESOURCE_CHARACTERS, PolicyDocument, caller_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from authorizer.policy.caller_table import Table
    from authorizer.policy.decision import Policy

# Documents are remembered per set of groups and the values that rules compare.
_MOST_CALLERS = 512
# More ARNs than that are more than 8 KB: nobody sends them, and so they are not remembered.
_MOST_RESOURCES = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a caller's document says, without the part of the ARN that API Gateway chooses.

    Attributes:
        allow: globs of what is allowed, with ``*`` as IAM understands it.
        deny: of what is taken away from that.
        smaller: the same in fewer globs, which keep out less of what is no route of the API.
    """

    allow: tuple[str, ...]
    deny: tuple[str, ...]
    smaller: Grants | None = field(default=None, compare=False)

    def allows(self, resource: str) -> bool:
        """Whether the document allows the rest of a request's ARN: ``GET/users/1``."""
        return any(covers(glob, resource) for glob in self.allow) and not any(
            covers(glob, resource) for glob in self.deny
        )

    def fits(self, prefix: str) -> bool:
        """Whether no ARN is longer than a document may name, such as one with a claim's value."""
        most = MOST_RESOURCE_CHARACTERS - len(prefix)
        return all(len(glob) <= most for glob in (*self.allow, *self.deny))

    def document(self, prefix: str, refused: Iterable[str] = ()) -> PolicyDocument:
        """The document, for the API and stage that the prefix of the ARN names.

        Args:
            prefix: that part of the ARN.
            refused: the rest of others that are denied besides.
        """
        return caller_document(prefix, self.allow, (*self.deny, *refused))


class CallerDocuments:
    """What each caller may do, found out once. Thread-safe."""

    def __init__(self, policy: Policy) -> None:
        """Take a policy; without a table, no document is made."""
        self._policy = policy
        self._compared = sorted(
            {one.claim for rule in policy.rules for one in rule.pattern.conditions}
        )
        self._made: dict[tuple[Any, ...], Grants | Inexact] = {}

    def of(
        self, groups: Sequence[str], scopes: Iterable[str], claims: Mapping[str, Any]
    ) -> Grants | Inexact:
        """What the caller may do, or why no document says exactly that.

        Args:
            groups: the caller's.
            scopes: the token's. They count only if the claims show that no user is there.
            claims: the token's.
        """
        table = self._policy.callers
        if table is None:
            return Inexact.ROUTES_UNKNOWN if self._policy.routes is None else Inexact.TOO_LARGE
        counting = counting_scopes(groups, scopes, claims)
        texts = {name: claims[name] for name in self._compared if type(claims.get(name)) is str}
        key = (tuple(groups), counting, tuple(texts.items()))
        made = self._made.get(key)
        if made is None:
            made = _grants(table, self._policy.subjects_of(groups, counting), texts)
            if len(self._made) >= _MOST_CALLERS:
                self._made.clear()
            self._made[key] = made
        return made


def covers(glob: str, text: str) -> bool:
    """Whether a glob covers a text as IAM reads it, in which ``*`` is any run of characters.

    The text may be a client's, so this goes through it once, whatever the glob.
    """
    first, *others = glob.split("*")
    if not others or not text.startswith(first):
        return glob == text
    at = len(first)
    for part in others[:-1]:
        at = text.find(part, at) + len(part)
        if at < len(part):
            return False
    return at + len(others[-1]) <= len(text) and text.endswith(others[-1])


def _grants(table: Table, subjects: AbstractSet[str], texts: Mapping[str, str]) -> Grants | Inexact:
    granted = granted_parts(table, subjects, texts)
    if isinstance(granted, Inexact):
        return granted
    found: Grants | None = None
    for is_small in (True, False):
        allow, deny, left = choose(table, granted, subjects, is_small=is_small)
        if left:
            return Inexact.ROUTES_OVERLAP
        if len(allow) + len(deny) <= _MOST_RESOURCES:
            allowed, denied = _filled(allow, texts), _filled(deny, texts)
            found = Grants(allow=allowed, deny=denied, smaller=found)
    return found or Inexact.TOO_LARGE


def _filled(globs: Iterable[str], texts: Mapping[str, str]) -> tuple[str, ...]:
    """The globs with the caller's values in them."""
    filled = (CLAIM.sub(lambda claim: texts[claim[1]], glob).split("/") for glob in globs)
    return tuple(map("/".join, sorted(filled)))
