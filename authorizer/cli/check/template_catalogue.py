"""Codes and titles of the findings that need a template."""

from __future__ import annotations

TEMPLATE_TITLES: dict[str, str] = {
    "T101": "API Gateway may not invoke the authorizer",
    "T102": "payload version is a number",
    "T103": "simple responses with payload version 1.0",
    "T104": "function and API expect different answers",
    "T201": "preflight asks for a token",
    "T202": "refusals without CORS headers",
    "T301": "user pool without MFA",
    "T302": "app client with a secret and a password flow",
    "T303": "access tokens valid for longer than a day",
    "X101": "route without authorizer is not public",
    "X102": "public route carries an authorizer",
    "X103": "public route is not in the template",
    "X104": "nobody may call the route",
    "X105": "allow matches no route",
    "X106": "deny matches no route",
    "X107": "rule is shadowed by a route with a parameter",
    "X108": "another authorizer decides",
    "X201": "cached answer opens other routes",
    "X202": "cached answer opens other paths",
    "X203": "cached answer opens other methods",
    "X204": "cached without an identity source",
    "X205": "cached without the caller's token in the key",
    "X206": "answer for one request is cached for others",
    "X207": "no exact document for a group",
    "X208": "answers cached for longer than tokens are valid",
    "X301": "group of the policy is not created",
    "X302": "created group is not in the policy",
}
