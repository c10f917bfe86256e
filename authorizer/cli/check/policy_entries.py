"""Findings of the policy file alone.

``P1``: it cannot be used. ``P2``: its rules. ``P3``: its names. ``P4``: its acceptances.
"""

from __future__ import annotations

from authorizer.cli.check.entry import Entry, Severity
from authorizer.policy.paths import ANY

# What the reader of the file says; compile says the same.
_MESSAGE = "{problem:plain}"
_EFFECT = "the policy does not compile, so that nothing can be built or deployed with it"
_SCHEMA = "compare with docs/policy.md"
_BEGIN = "begin the file with version: 1"


def _refused(title: str, fix: str, **fixes: str) -> Entry:
    """Something that keeps the file from being used; with other fixes for some variants."""
    return Entry(
        title=title,
        severity=Severity.ERROR,
        message=_MESSAGE,
        effect=_EFFECT,
        fix=fix,
        variants={name: {"fix": text} for name, text in fixes.items()},
    )


UNUSABLE = {
    "P101": Entry(
        title="the policy file cannot be read",
        severity=Severity.ERROR,
        message=_MESSAGE,
        effect=_EFFECT,
        fix="write the file in UTF-8, and not so long",
        variants={
            "no such file": {
                "message": "cannot be read: {why:plain}{similar:hint}",
                "effect": "nothing was checked",
                "fix": "give the path of a policy file that is there and that you may read",
            },
            "compiled": {
                "fix": "give the file that it was compiled from; policy.json is for the function"
            },
        },
    ),
    "P102": _refused(
        "the policy file is not YAML",
        "mend the YAML; a text with braces, colons or quotes wants quotes around it",
        empty=_BEGIN,
        tab="indent with blanks: YAML takes no tabs there",
        column="begin the lines of one list, or keys of one group, in the same column",
    ),
    "P103": _refused("no version, or one that is not known", _BEGIN),
    "P104": _refused(
        "unknown key", "correct the key, or remove it", of_group="indent it below a group"
    ),
    "P105": _refused(
        "a value of the wrong kind",
        f"write what is expected there; {_SCHEMA}",
        dash="put a blank after the dash, as in - GET /books",
        beside="indent it, so that it stands below the group that it is for",
        empty="indent its keys below it, or write {{}} for no rules",
        tag="write the value out, or put the text into quotes",
    ),
    "P106": _refused("the same name twice", "put what stands under both into one"),
    "P107": _refused(
        "a name that no group or scope can have", "write the name as it stands in Cognito"
    ),
    "P108": _refused(
        "a rule that is not METHOD /path",
        f"write METHOD[,METHOD] /path; {_SCHEMA}",
        blank_in_list="take the blank after the comma away: GET,POST /books",
        no_method="put the method in front, and one blank: GET /books",
        no_slash="put one blank and a slash in front of the path: GET /books",
        greedy="write /** in place of the {{name+}}: GET /files/**",
        star="write {{name}} for one segment; /** at the end is everything below",
        empty_segment="take the slash away: a path has none at its end, nor two in a row",
        name_again="give each parameter of the path a name of its own",
        long="shorten the path, or end it with /**",
    ),
    "P109": _refused(
        "unknown method",
        f"write one of these, in capitals; {ANY} is every method",
        misspelt="write {meant:plain}",
    ),
    "P110": _refused(
        "a condition on a public route",
        "write {{name}} without a claim, or grant the route to a group instead",
    ),
    "P111": _refused("a group that is not there is included", "correct the name, or add the group"),
    "P112": _refused("groups include each other in a circle", "remove one include of the circle"),
    "P113": _refused(
        "an acceptance without a reason",
        "say why it may stay, as in P204: administrators run the whole API",
    ),
}
_DOUBLE = Entry(
    title="a rule that other rules cover",
    message="{rule} adds nothing to {others:lines}",
    effect="nothing today; whoever removes one of them later believes that it has gone",
    fix="remove this one, or narrow the other",
)
RULES = {
    "P201": Entry(
        title="the same rule twice",
        message="{rule} stands here again, after {others:lines}",
        effect=_DOUBLE.effect,
        fix=_DOUBLE.fix,
    ),
    "P202": _DOUBLE,
    "P203": Entry(
        title="a grant that a deny makes dead",
        message="{rule} is always denied by {others:lines}",
        effect="nobody gains anything by this grant, because a deny overrides it",
        fix="remove the grant, or narrow the deny",
    ),
    "P204": Entry(
        title="a grant of everything",
        severity=Severity.ERROR,
        message="{rule.text} grants every route to {rule:owner}",
        effect="they may use every route, also those that are added to the API later",
        fix="grant the routes that are meant, such as ANY /admin/**, or accept P204",
    ),
    "P205": Entry(
        title="a deny of a path that is no route",
        message="{rule} is another route than {others:lines}",
        effect="where API Gateway matches the parameter's route, nothing is denied",
        fix="deny the route with the parameter, or make the literal path a route of the API and "
        "name it in a grant",
    ),
    "P206": Entry(
        title="a rule for a public route",
        message="{rule} is a public route by {others:lines}",
        effect="the authorizer is never asked there: everybody may use it, with or without it",
        fix="remove the rule, or the public route and its Authorizer: NONE in the template",
        variants={
            "deny": {"effect": "the authorizer is never asked there: nobody is denied anything"}
        },
    ),
    "P207": Entry(
        title="a condition that no access token meets",
        message="{rule} compares with {claim}, which access tokens do not have by themselves"
        "{similar:hint}",
        effect="the grant lets nobody in",
        fix="compare with sub, username or client_id, or accept P207 if a trigger of the pool "
        "adds the claim to access tokens",
        variants={
            "deny": {"effect": "the deny keeps nobody out"},
            "no text": {
                "message": "{rule} compares with {claim}, which is no text in access tokens"
            },
            "ID token": {
                "message": "{rule} compares with {claim}, which ID tokens have and access tokens "
                "do not"
            },
        },
    ),
    "P208": Entry(
        title="a policy that grants nothing",
        message="expected a rule under allow, found none in the whole policy",
        effect="every caller gets 403 on every route that has the authorizer",
        fix="allow a group some routes: groups: {{reader: {{allow: [GET /hello]}}}}",
    ),
}
NAMES = {
    "P301": Entry(
        title="names that differ only by case",
        message="{kind:plain} {name} looks like {kind:plain} {other.name} "
        "(line {other.location.line})",
        effect="they are two to Cognito and to the policy: whoever is put into the wrong one has "
        "other rights than everybody believes",
        fix="make them one, or give them names that nobody confuses",
    ),
    "P302": Entry(
        title="a name that is not in normal form",
        message="{name:ascii} is spelt with other characters than {normal:ascii}, which looks the "
        "same",
        effect="names are compared character by character: a token that spells it in the usual "
        "way has none of its rights, and escapes its denies",
        fix="write the name in Unicode normal form C, here and in Cognito",
    ),
    "P303": Entry(
        title="a group that Cognito makes for a provider",
        message="group {group} is one that Cognito makes itself for a provider",
        effect="everybody who signs in through that provider has its rights, and nobody chose them",
        fix="grant to a group that an administrator fills, or accept P303 if everybody is meant",
    ),
    "P304": Entry(
        title="a group that Cognito cannot have",
        message="expected 1 to 128 letters, marks, digits, symbols and punctuation as the name of "
        "a group, found {group} of {length}",
        effect="Cognito has no such group: nobody has its rights, and nobody is denied by it",
        fix="correct the name to that of the group in Cognito",
    ),
}
ACCEPTANCES = {
    "P401": Entry(
        title="a code that cannot be accepted",
        message="expected a code that can be accepted, found {found}{similar:hint}",
        effect="this acceptance accepts nothing",
        fix="write the code as check prints it; those of P1, P4 and T001 have to be mended",
    ),
    "P402": Entry(
        title="an acceptance of nothing",
        message="there is no finding {found:plain} to accept",
        effect="the next finding of this kind, perhaps a worse one, would pass unseen",
        fix="remove the acceptance",
        variants={
            "about": {"message": "there is no finding {found:plain} about {about} to accept"}
        },
    ),
}
POLICY_ENTRIES = {**UNUSABLE, **RULES, **NAMES, **ACCEPTANCES}
