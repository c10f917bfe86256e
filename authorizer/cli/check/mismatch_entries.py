"""Findings of what does not fit: policy and template, or either and what answers are cached by."""

from __future__ import annotations

from authorizer.cli.check.entry import Entry, Severity

_ROUTES = {
    "X101": Entry(
        title="route without authorizer is not public",
        severity=Severity.ERROR,
        message="expected an authorizer or a public route of the policy, found {route:key} of "
        "{api} with neither",
        effect="anybody on the internet may call {route:key}, whatever the policy says",
        fix="give the route the authorizer, or list it under public in the policy",
        variants={
            # Those are mostly there for browsers' preflights, which nobody may refuse.
            "preflight": {"severity": Severity.WARNING},
            "private": {
                "effect": "anybody who reaches its VPC endpoint may call {route:key}, whatever the "
                "policy says"
            },
        },
    ),
    "X102": Entry(
        title="public route carries an authorizer",
        severity=Severity.ERROR,
        message="expected no authorizer on {route:key}, which is public in the policy, found "
        "{authorizer:authorizer}",
        effect="callers without a token get 401, although the policy lets everybody in",
        fix="set 'Auth: {{Authorizer: NONE}}' on the route, or take it out of public",
    ),
    "X103": Entry(
        title="public route is not in the template",
        message="expected a route for the public {rule.text}, but the template has no such route",
        effect="nobody can call it, and whoever reads the policy believes that it is open",
        fix="add the route with 'Auth: {{Authorizer: NONE}}', or take the line out of public",
        variants={
            "another": {
                "message": "expected a route for the public {rule.text}, but the template has only "
                "{route:key}, which is another route"
            }
        },
    ),
    "X104": Entry(
        title="nobody may call the route",
        message="expected a group or scope that may call {route:key}, found none",
        effect="every caller gets 403, whatever their groups",
        fix="grant the route to a group or scope in the policy, lift the deny that is in the way, "
        "or take the route out of the template",
    ),
    "X105": Entry(
        title="allow matches no route",
        message="expected a route of the template{part:with} for {rule}, found none{similar:hint}",
        effect="the line grants nothing{part:with}, and those it was meant for get 403 or 404",
        fix="write the rule as the template has the route, add the route, or take it out",
    ),
    "X106": Entry(
        title="deny matches no route",
        message="expected a route of the template{part:with} for {rule}, found none{similar:hint}",
        effect="the line denies nothing{part:with}, and what was meant by it may be open",
        fix="write the rule as the template has the route, add the route, or take it out",
    ),
    "X107": Entry(
        title="rule is shadowed by a route with a parameter",
        message="expected a route of its own{part:with} for {rule}, but requests for it come by "
        "{route:key}",
        effect="the line grants nothing{part:with}: only rules for {route:key} are asked",
        fix="make it a route of the template, or write the rule for {route:key}",
        variants={
            "deny": {
                "severity": Severity.ERROR,
                "effect": "the line denies nothing{part:with}: whoever may call {route:key} gets "
                "this, too",
            }
        },
    ),
    "X108": Entry(
        title="another authorizer decides",
        severity=Severity.ERROR,
        message="expected the policy's authorizer on {route:key}, for which it has {cause.text} on "
        "line {cause.line}, found {authorizer:authorizer}",
        effect="whoever that authorizer lets in may call the route: the policy's allows and denies "
        "count for nothing there",
        fix="give the route the Lambda authorizer that enforces the policy, or take its rules out "
        "of the policy",
    ),
    "X109": Entry(
        title="a route that no rule can name",
        severity=Severity.ERROR,
        message="expected a path that a rule can have, found {route:key} with other segments than "
        "literal ones, {{name}} and, at the end, {{name+}}",
        effect="no rule names the route, and at most a /** above it covers it: callers get 403, "
        "whatever their groups",
        fix="write the path in the template with plain segments",
        variants={
            "no slash": {
                "message": "expected a path that a rule can have, found {route:key} without a "
                "slash in front",
                "fix": "begin the path in the template with a slash",
            },
            "final slash": {
                "message": "expected a path that a rule can have, found {route:key} with a slash "
                "at the end",
                "fix": "take the slash out of the template",
            },
            "empty segment": {
                "message": "expected a path that a rule can have, found {route:key} with an empty "
                "segment",
                "fix": "take the second slash out of the template",
            },
        },
    ),
    "X130": Entry(
        title="not known whose function decides",
        message="expected the policy's own function behind {authorizer}, found one that is not "
        "known to be it: {why:plain}",
        effect="whether the policy is asked on the routes of this authorizer was taken for granted "
        "or left open, and not checked",
        fix="check the template that has the function together with this one, or accept this with "
        "the reason why it is the policy's",
        variants={
            "elsewhere": {
                "message": "expected the policy's own function behind {authorizer}, found one that "
                "is not known to be it: {function} is not in this template"
            },
            # Where it is written out which one that is.
            "note": {"severity": Severity.NOTE},
            "several": {
                "message": "expected the policy's own function behind {authorizer}, found one that "
                "is not known to be it: {function} is not the only one asked, and settings of its "
                "own (AUTHORIZER_...) do not tell"
            },
        },
    ),
    "X131": Entry(
        title="another authorizer decides, and no rule names the route",
        message="expected the policy's authorizer on {route:key} of {api}, or a rule for it, found "
        "{authorizer:authorizer}, and nothing in the policy",
        effect="whoever that authorizer lets in may call the route, and nobody who reads the "
        "policy learns of it",
        fix="give the route the policy's authorizer and a rule, or accept this with the reason why "
        "the other one decides",
    ),
}
_COLLIDE = (
    "that whatever keeps out {kept_out:key}, which is not granted, takes away a part of "
    "{granted:key}, which is"
)
_NOT_KEPT_OUT = (
    "expected an exact IAM document for {owner}, since {authorizer} of {api} caches for all "
    f"routes, found {_COLLIDE}"
)
_TOGETHER = (
    "expected an exact IAM document for callers in {owner:keys} together, since {authorizer} of "
    "{api} caches for all routes,"
)
_JUDGED = "{count:others} (judged: {judged:judged}; no other sets until a test names them)"
_CACHES = {
    "X201": Entry(
        title="cached answer opens other routes",
        severity=Severity.ERROR,
        message="expected $context.routeKey among the identity sources of {authorizer}, whose "
        "simple answers are cached for {count} routes, such as {route:key} and {other:key}",
        effect="whoever was allowed {route:key} is allowed every one of these routes, until the "
        "answer is forgotten",
        fix="add routeKey to the identity sources (Identity: Context: [routeKey]), or set the time "
        "to live to 0",
    ),
    "X202": Entry(
        title="cached answer opens other paths",
        severity=Severity.ERROR,
        message="expected no caching for {route:key}, since the path behind it decides, found "
        "{authorizer} that caches for {seconds} s without the path in its key",
        effect="a caller who was allowed one path is allowed all others of this route, such as "
        "other people's records, until the answer is forgotten",
        fix="use an authorizer with a time to live of 0 for the route (HTTP API: Identity: "
        "ReauthorizeEvery: 0)",
        variants={
            "compares": {
                "message": "expected no caching for {route:key}, since {cause.text} on line "
                "{cause.line} of the policy compares its path, found {authorizer} that caches for "
                "{seconds} s without the path in its key"
            }
        },
    ),
    "X203": Entry(
        title="cached answer opens other methods",
        severity=Severity.ERROR,
        message="expected no caching for {route:key}, which takes every method and is not decided "
        "alike for all, found {authorizer} that caches for {seconds} s without the method in its "
        "key",
        effect="a caller who was allowed a GET is allowed a DELETE, until the answer is forgotten",
        fix="make a route for each method, or use an authorizer with a time to live of 0",
    ),
    "X204": Entry(
        title="cached without an identity source",
        severity=Severity.ERROR,
        message="expected the Authorization header among the identity sources of {authorizer}, "
        "whose answers are cached, found none",
        effect="what one caller is allowed, the next one is, too, whatever their token, until the "
        "answer is forgotten",
        fix="name the header as an identity source (Identity: Headers: [Authorization]), or set "
        "the time to live to 0",
    ),
    "X205": Entry(
        title="cached without the caller's token in the key",
        severity=Severity.ERROR,
        message="expected the Authorization header among the identity sources of {authorizer}, "
        "whose answers are cached, found {sources:list}",
        effect="what one caller is allowed, the next one is, too, whatever their token, until the "
        "answer is forgotten",
        fix="name the header as an identity source (Identity: Headers: [Authorization]), or set "
        "the time to live to 0",
        variants={
            "backend": {
                "severity": Severity.WARNING,
                "message": "expected the Authorization header in the key under which a stage of "
                "{api} remembers the answers of {route:key}, found none",
                "effect": "what the backend answered one caller, the next one is given, for whom "
                "it was not meant",
                "fix": "name method.request.header.Authorization among the integration's "
                "CacheKeyParameters, or set CachingEnabled: false for the route; where all callers "
                "are answered alike, accept this and say so",
            }
        },
    ),
    "X206": Entry(
        title="answer for one request is cached for others",
        severity=Severity.ERROR,
        message="expected no caching by {authorizer}, which answers with a document for one "
        "request alone, but {route:key} and {other:key} share its answers",
        effect="after a first request, callers get 403 on others that they may make, until the "
        "answer is forgotten",
        fix="set the time to live to 0, or let the function answer for all that the caller may do "
        "(AUTHORIZER_IAM_MODES, mode caller)",
        variants={
            part: {
                "message": "expected no caching by {authorizer}, which answers with a document for "
                f"one request alone, but all {part} of {{route:key}} share its answers"
            }
            for part in ("paths", "methods")
        },
    ),
    "X207": Entry(
        title="no exact document for a group",
        severity=Severity.ERROR,
        message="expected an exact IAM document for {owner}, since {authorizer} of {api} caches "
        "for all routes, found {reason:inexact}",
        effect="they get a document for one request alone, and then 403 on others that they may "
        "make, until the answer is forgotten",
        fix="let the authorizer remember nothing (Identity: ReauthorizeEvery: 0), or change routes "
        "or rules so that a document can tell them apart",
        variants={
            "rule": {
                "message": "expected an exact IAM document for {owner}, since {authorizer} of "
                "{api} caches for all routes, found {reason:inexact}, with {cause.pattern.text} "
                "(line {cause.line})"
            },
            "below": {
                "message": "expected an exact IAM document for {owner}, since {authorizer} of "
                "{api} caches for all routes, found that the path decides {cause.pattern.text} "
                "(line {cause.line}) below {route:key}, which no IAM document can express"
            },
            "overlap": {
                "message": _NOT_KEPT_OUT,
                "fix": "allow {kept_out:key}, too, which is the least, if they may have "
                "it; or move it below a segment of its own; or let the authorizer remember nothing "
                "(Identity: ReauthorizeEvery: 0)",
            },
            "overlaps": {
                "message": _NOT_KEPT_OUT + "; others like it: {further:plain}",
                "fix": "let the authorizer remember nothing (Identity: ReauthorizeEvery: 0), which "
                "is the least; or move each of these routes below a segment of its own; or allow "
                "them, too",
            },
        },
    ),
    "X208": Entry(
        title="answers cached for longer than tokens are valid",
        message="expected {authorizer} to cache for at most the {valid} s that access tokens of "
        "{client} are valid, found {seconds} s",
        effect="callers go on with a token that has expired, for as long as its last answer is "
        "remembered",
        fix="shorten the time to live; a minute saves nearly all of the calls",
    ),
    "X209": Entry(
        title="no exact document for several groups together",
        message=f"{_TOGETHER} found {{reason:inexact}}{_JUDGED}",
        effect="who is in all of these gets a document for one request alone, and then 403 on "
        "others that they may make, until the answer is forgotten",
        fix="accept it, if nobody is in all of them; or let the authorizer remember nothing "
        "(Identity: ReauthorizeEvery: 0), or grant one of them what the other ones have",
        variants={
            "tested": {
                "severity": Severity.ERROR,
                "fix": "let the authorizer remember nothing (Identity: ReauthorizeEvery: 0), or "
                "grant one of these groups what the other ones have",
            },
            "overlap": {"message": f"{_TOGETHER} found {_COLLIDE}{_JUDGED}"},
        },
    ),
    "X250": Entry(
        title="an allowed deployment opens what the defaults do not",
        message="expected every deployment to be as safe as the one by the defaults, found "
        "{finding.code:plain} where {chosen:pairs}: {finding.message:plain}",
        effect="{finding.effect:plain}",
        fix="allow no such value (AllowedValues), or write it into the template; or "
        "{finding.fix:plain}",
        variants={
            "worst": {
                "message": "expected every deployment to be as safe as the one by the defaults, "
                "found {finding.code:plain} where what is not decidable is at its worst: "
                "{finding.message:plain}"
            },
            "many": {
                "message": "expected a handful of values that deployments may choose, found so "
                "many that not all were judged",
                "effect": "what one of the others opens was not looked for",
                "fix": "narrow the AllowedValues of what the API depends on, or write the values "
                "into the template",
            },
        },
    ),
}
_GROUPS = {
    "X301": Entry(
        title="group of the policy is not created",
        message="expected a group that the template creates, found {group}{similar:hint}",
        effect="nobody is in the group unless it is made by hand: its allows let nobody in, and "
        "its denies keep nobody out",
        fix="add an AWS::Cognito::UserPoolGroup of that name, or write the name as it is there",
    ),
    "X302": Entry(
        title="created group is not in the policy",
        message="expected a group of the policy, found {group}{similar:hint}",
        effect="its members get 403 on every route, unless another group lets them in",
        fix="add the group to the policy, if only as 'includes', or correct the name, or take it "
        "out of the template",
    ),
}
MISMATCH_ENTRIES = {**_ROUTES, **_CACHES, **_GROUPS}
