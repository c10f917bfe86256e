"""Every code that ``authorizer check`` can report, with a short title. Codes are never reused.

``P1``: the policy file cannot be used. ``P2``: its rules. ``P3``: its names. ``P4``: its
acceptances. ``T`` and ``X``: see ``template_catalogue``.

Run as a module it prints ``docs/findings/README.md``.
"""

from __future__ import annotations

from authorizer.cli.check.template_catalogue import TEMPLATE_TITLES

UNREADABLE_POLICY = "P101"
UNREADABLE_TEMPLATE = "T001"
# With these, nothing could be found out.
UNREADABLE = frozenset({UNREADABLE_POLICY, UNREADABLE_TEMPLATE})
UNDECIDED = "T000"
GUESS_OF_ROUTES = "P205"

TITLES: dict[str, str] = {
    UNREADABLE_POLICY: "the policy file cannot be read",
    "P102": "the policy file is not YAML",
    "P103": "no version, or one that is not known",
    "P104": "unknown key",
    "P105": "a value of the wrong kind",
    "P106": "the same name twice",
    "P107": "a name that no group or scope can have",
    "P108": "a rule that is not METHOD /path",
    "P109": "unknown method",
    "P110": "a condition on a public route",
    "P111": "a group that is not there is included",
    "P112": "groups include each other in a circle",
    "P113": "an acceptance without a reason",
    "P201": "the same rule twice",
    "P202": "a rule that other rules cover",
    "P203": "a grant that a deny makes dead",
    "P204": "a grant of everything",
    GUESS_OF_ROUTES: "a deny of a path that is no route",
    "P206": "a rule for a public route",
    "P207": "a condition that no access token meets",
    "P208": "a policy that grants nothing",
    "P301": "names that differ only by case",
    "P302": "a name that is not in normal form",
    "P303": "a group that Cognito makes for a provider",
    "P304": "a group that Cognito cannot have",
    "P401": "a code that cannot be accepted",
    "P402": "an acceptance of nothing",
    UNDECIDED: "not decidable offline",
    UNREADABLE_TEMPLATE: "the template cannot be read",
    **TEMPLATE_TITLES,
}


def can_be_accepted(code: str) -> bool:
    """Whether a policy may accept this finding: not where something cannot be read at all."""
    return code in TITLES and not code.startswith(("P1", "P4")) and code != UNREADABLE_TEMPLATE


def index() -> str:
    """The index of the pages, in Markdown."""
    rows = [f"| [{code}]({code}.md) | {TITLES[code]} |" for code in sorted(TITLES)]
    return "\n".join([_HEAD, *rows, ""])


_HEAD = """\
# Findings of `authorizer check`

`P1`: the policy file cannot be used. `P2`: its rules. `P3`: its names. `P4`: its acceptances.
`T`: the template alone. `X`: what does not fit together. [How to run and accept](../check.md).

| code | what it is about |
|---|---|"""

if __name__ == "__main__":
    print(index(), end="")
