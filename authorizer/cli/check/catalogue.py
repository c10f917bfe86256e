"""Every code that ``authorizer check`` can report, and what is said of it. Codes are never reused.

``P`` is for the policy alone, ``T`` for the template alone, ``X`` for what does not fit together.
Each has a page in ``docs/findings/``. Run as a module it prints ``docs/findings/README.md``.
"""

from __future__ import annotations

from authorizer.cli.check.mismatch_entries import MISMATCH_ENTRIES
from authorizer.cli.check.policy_entries import POLICY_ENTRIES
from authorizer.cli.check.template_entries import TEMPLATE_ENTRIES

UNREADABLE_POLICY = "P101"
UNREADABLE_TEMPLATE = "T001"
# With these, nothing could be found out.
UNREADABLE = frozenset({UNREADABLE_POLICY, UNREADABLE_TEMPLATE})
GUESS_OF_ROUTES = "P205"

CATALOGUE = {**POLICY_ENTRIES, **TEMPLATE_ENTRIES, **MISMATCH_ENTRIES}


def can_be_accepted(code: str) -> bool:
    """Whether a policy may accept this finding: not where something cannot be read at all."""
    return code in CATALOGUE and not code.startswith(("P1", "P4")) and code != UNREADABLE_TEMPLATE


def index() -> str:
    """The index of the pages, in Markdown."""
    rows = [f"| [{code}]({code}.md) | {CATALOGUE[code].title} |" for code in sorted(CATALOGUE)]
    return "\n".join([_HEAD, *rows, ""])


_HEAD = """\
# Findings of `authorizer check`

`P1`: the policy file cannot be used. `P2`: its rules. `P3`: its names. `P4`: its acceptances.
`T`: the template alone. `X`: what does not fit together. [How to run and accept](../check.md).

| code | what it is about |
|---|---|"""

if __name__ == "__main__":
    print(index(), end="")
