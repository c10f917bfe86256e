"""Every code that ``authorizer check`` can report, and what is said of it: ``catalogue.yaml``.

Each has a page in ``docs/findings/``. Run as a module it prints ``docs/findings/README.md``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

UNREADABLE_POLICY = "P101"
UNREADABLE_TEMPLATE = "T001"
# With these, nothing could be found out.
UNREADABLE = frozenset({UNREADABLE_POLICY, UNREADABLE_TEMPLATE})
GUESS_OF_ROUTES = "P205"
_CATALOGUE = Path(__file__).with_suffix(".yaml")


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """By code: ``title``, ``severity``, ``message``, ``effect``, ``fix``, and some ``variants``."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries: dict[str, dict[str, Any]] = yaml.load(_CATALOGUE.read_bytes(), loader)  # noqa: S506
    return entries


def can_be_accepted(code: str) -> bool:
    """Whether a policy may accept this finding: not where something cannot be read at all."""
    is_final = code.startswith(("P1", "P4")) or code == UNREADABLE_TEMPLATE
    return not is_final and code in catalogue()


def index() -> str:
    """The index of the pages, in Markdown."""
    entries = sorted(catalogue().items())
    rows = [f"| [{code}]({code}.md) | {entry['title']} |" for code, entry in entries]
    return "\n".join([_HEAD, *rows, ""])


_HEAD = """\
# Findings of `authorizer check`

`P1`: the policy file cannot be used. `P2`: its rules. `P3`: its names. `P4`: its acceptances.
`T`: the template alone. `X`: what does not fit together. [How to run and accept](../check.md).

| code | what it is about |
|---|---|"""

if __name__ == "__main__":
    print(index(), end="")
