"""Findings of the template alone."""

from __future__ import annotations

from authorizer.cli.check.entry import Entry, Severity

_ACCEPT_DOOR = "; where the function judges its callers itself, accept this and say so"


def _door(title: str, fix: str, **fixes: str) -> Entry:
    """Another way than the API's to a function that a route guards."""
    return Entry(
        title=title,
        message="expected no way to {function:function} but the API's, which guards {route:key}, "
        "found {door:plain}",
        effect="whoever comes that way is asked for no token, may claim to be anybody, and no rule "
        "of the policy counts",
        fix=fix + _ACCEPT_DOOR,
        variants={name: {"fix": text + _ACCEPT_DOOR} for name, text in fixes.items()},
    )


UNRESOLVED = {
    "T000": Entry(
        title="not decidable offline",
        severity=Severity.NOTE,
        message="not decidable: {what:plain}: {why:plain}",
        effect="nothing was checked that depends on it",
        fix="check it by hand, or give the value in the template",
    ),
    "T001": Entry(
        title="the template cannot be read",
        severity=Severity.ERROR,
        message="{problem:plain}{similar:hint}",
        effect="nothing in the template was checked",
        fix="give a SAM or CloudFormation template, in YAML or JSON, that the SAM CLI can read",
    ),
    "T002": Entry(
        title="not all routes of the API are known",
        message="expected all routes of {api} in the template, found some that are not decidable",
        effect="X103, X105, X106, X107 and X207 were not looked for, and compile --template, and "
        "so the build, refuses this API",
        fix="give the parameter a default, or write the route out; T000 and T003 say where",
    ),
    "T003": Entry(
        title="the template names what is not there",
        severity=Severity.ERROR,
        message="{mistake:plain}",
        effect="the template does not deploy, or not as it reads, and nothing was checked that "
        "depends on this",
        fix="correct it in the template: nothing that is given when deploying mends it",
    ),
    "T004": Entry(
        title="the template has no API",
        message="expected an API in the template, found none",
        effect="nothing was checked but the policy by itself",
        fix="give the template that has the API, after the step that makes it; a section that "
        "stands there twice, such as Resources, counts once",
    ),
    "T050": Entry(
        title="a deployment decides who guards the route",
        message="not decidable: who decides about {route:key}: {why:plain}",
        effect="in a deployment that nobody looked at, anybody may call it, or those whom another "
        "authorizer lets in",
        fix="write the authorizer and its kind into the template, the same for every deployment",
        variants={
            "no such authorizer": {
                "message": "not decidable: who decides about {route:key}: {api} has no {authorizer}"
            }
        },
    ),
    "T051": Entry(
        title="routes of an API that is elsewhere",
        message="expected the API of {routes:keys} in the templates, found {api}: {why:plain}",
        effect="what else the API has, who guards it, and what its answers are cached under was "
        "not checked, and the API's own template does not show these routes",
        fix="give the template that has the API, too (-t once more), or name the API itself",
    ),
    "T052": Entry(
        title="SAM refuses the template",
        severity=Severity.ERROR,
        message="SAM refuses the template: {why:plain}",
        effect="sam deploy fails, and what was checked besides is of an API that never comes to be",
        fix="mend what SAM names; sam validate --lint says it, too",
    ),
}
AUTHORIZERS = {
    "T101": Entry(
        title="API Gateway may not invoke the authorizer",
        severity=Severity.ERROR,
        message="expected a permission for {api} to invoke the function of {authorizer}, found "
        "none",
        effect="every call of a route with this authorizer is answered 500",
        fix="set EnableFunctionDefaultPermissions: true on the authorizer (REST API: leave out "
        "DisableFunctionDefaultPermissions), or add an AWS::Lambda::Permission for "
        "apigateway.amazonaws.com",
    ),
    "T102": Entry(
        title="payload version is a number",
        severity=Severity.ERROR,
        message="expected the payload version of {authorizer} as quoted text, found the number "
        "{version:plain}",
        effect="the deployment fails, or the API gets a version that it does not have, such as 2",
        fix='put it into quotes: AuthorizerPayloadFormatVersion: "2.0"',
    ),
    "T103": Entry(
        title="simple responses with payload version 1.0",
        severity=Severity.ERROR,
        message="expected no simple responses on {authorizer}, whose payload version is 1.0, found "
        "them enabled",
        effect="API Gateway refuses the deployment: simple responses need payload version 2.0",
        fix='set AuthorizerPayloadFormatVersion: "2.0", or leave out EnableSimpleResponses',
    ),
    "T104": Entry(
        title="function and API expect different answers",
        severity=Severity.ERROR,
        message="expected the function of {authorizer} to answer as its API reads it, found "
        "simple responses from the function and EnableSimpleResponses off",
        effect="calls of a route with this authorizer fail: the answer is not the one that is read",
        fix="set EnableSimpleResponses: true for AUTHORIZER_HTTP_API_ANSWER=simple, which is the "
        "default, and false for iam",
        variants={
            "iam": {
                "message": "expected the function of {authorizer} to answer as its API reads it, "
                "found IAM documents from the function and EnableSimpleResponses on"
            }
        },
    ),
    "T150": Entry(
        title="no payload version that there is",
        severity=Severity.ERROR,
        message="expected payload version 1.0 or 2.0 for {authorizer}, found {version}",
        effect="SAM and CloudFormation refuse the authorizer, and what it would be asked, and how "
        "its answers would be read, is not known",
        fix='set AuthorizerPayloadFormatVersion: "2.0"',
        variants={
            "given": {
                "severity": Severity.WARNING,
                "message": "expected payload version 1.0 or 2.0 for {authorizer}, found one that "
                "only a deployment tells: {version.why:plain}",
                "effect": "what it would be asked, and how its answers would be read, is not known",
            }
        },
    ),
}
FUNCTIONS = {
    "T130": Entry(
        title="settings that the function refuses",
        severity=Severity.ERROR,
        message="expected settings with which {function} starts, found{chosen:where} "
        "{problem:plain}",
        effect="the function refuses to start with them, so that every call of its routes is "
        "answered 500",
        fix="write the setting as the README has it, or remove it",
        variants={"deployment": {"severity": Severity.WARNING}},
    ),
    "T131": Entry(
        title="the function reads another policy",
        severity=Severity.ERROR,
        message="expected {function} to read policy.json, which is made of this policy, "
        "found{chosen:where} {value:value}",
        effect="another policy decides than the one that was checked, and nobody who reads this "
        "one learns of it",
        fix="remove {setting:plain}, or accept this and check the policy that is named there",
        variants={"deployment": {"severity": Severity.WARNING}},
    ),
    "T132": Entry(
        title="an old version of the function may answer",
        message="expected the newest code of the function of {authorizer}, found one that may be "
        "older: {why:plain}",
        effect="the policy that was packed with that version decides, whatever is deployed later: "
        "what is taken away from somebody stays granted",
        fix="name the function without a version, or the alias that SAM moves with each "
        "deployment (AutoPublishAlias)",
    ),
    "T133": Entry(
        title="SAM replaces an API that has a name of its own",
        severity=Severity.ERROR,
        message="expected another name than {api}, which is that of SAM's implicit API, beside "
        "events without an API",
        effect="SAM deploys its own API in place of this resource: Auth and everything else that "
        "stands here is lost, without a word",
        fix="give the API another name, and name it in the events; or move its Auth to Globals, "
        "and remove it",
    ),
    "T134": _door(
        "a function URL beside the API", "remove the function URL, or give it AuthType AWS_IAM"
    ),
    "T135": _door(
        "another service calls the function behind a route",
        "give what is called there a function of its own, which judges its callers itself",
        stack="check that template together with this one, from a local file, or keep the function "
        "to this stack",
    ),
    "T136": _door(
        "a permission for others than the API",
        "permit apigateway.amazonaws.com alone, with the SourceArn of the API",
    ),
    "T137": Entry(
        title="a setting for emulators",
        message="expected no setting for emulators on {function}, found{chosen:where} "
        "{setting:plain}",
        effect="whoever answers in the place of that emulator says which tokens are genuine",
        fix="remove it from the template, and set it where the function is tried out",
    ),
}
BROWSERS = {
    "T201": Entry(
        title="preflight asks for a token",
        severity=Severity.ERROR,
        message="expected no authorizer on the preflights of {api}, which has CORS, found "
        "{authorizer} on {routes:first}",
        effect="pages of other origins cannot call the route: a browser sends its preflight "
        "without a token, and is refused",
        fix="set AddDefaultAuthorizerToCorsPreflight: false (REST API), or make a route for each "
        "method in place of ANY, or add an OPTIONS route without authorizer for the same path",
    ),
    "T202": Entry(
        title="refusals without CORS headers",
        message="expected CORS headers on the gateway responses of {api}, found none on "
        "{missing:and}",
        effect="to a page of another origin, 401 and 403 look like a CORS fault: it cannot tell "
        "that its user must sign in again",
        fix="add GatewayResponses for DEFAULT_4XX, or UNAUTHORIZED and ACCESS_DENIED, with "
        "Access-Control-Allow-Origin among their ResponseParameters",
    ),
}
POOLS = {
    "T301": Entry(
        title="user pool without MFA",
        message="expected MFA in the user pool {pool}, found it off",
        effect="whoever gets hold of a password has everything that its groups may do",
        fix='set MfaConfiguration: "ON" and EnabledMfas: [SOFTWARE_TOKEN_MFA]',
    ),
    "T302": Entry(
        title="app client with a secret and a password flow",
        message="expected the app client {client} to have a secret or a password flow, found both",
        effect="programs on users' machines cannot keep the secret, and sign-in without its "
        "SECRET_HASH fails",
        fix="make a client without a secret for people, and one with client_credentials and no "
        "password flow for machines",
    ),
    "T303": Entry(
        title="access tokens valid for longer than a day",
        severity=Severity.ERROR,
        message="expected access tokens of {client} to be valid for at most {longest} s, found "
        "{seconds} s",
        effect="Cognito refuses the deployment; were it not to, a user who lost a group would keep "
        "what it may do for as long",
        fix="set AccessTokenValidity to an hour or so; refresh tokens are for the rest",
    ),
}
TEMPLATE_ENTRIES = {**UNRESOLVED, **AUTHORIZERS, **FUNCTIONS, **BROWSERS, **POOLS}
