"""Cognito's resources, and the environment variables of functions."""

from __future__ import annotations

from itertools import chain

from authorizer.cli.template.functions import FUNCTION_TYPES
from authorizer.cli.template.model import (
    AppClient,
    FunctionVariables,
    Mistake,
    Template,
    Unknown,
    UserGroup,
    UserPool,
)
from authorizer.cli.template.nodes import (
    GIVEN,
    Absent,
    Listing,
    Mapping,
    Node,
    Reference,
    Text,
    UndecidedError,
    child,
    has_all_entries,
    key_location,
    known,
    or_unknown,
    parts_of,
    spelled,
)
from authorizer.cli.template.reading import Reading, Resource
from authorizer.errors import clip

# What the names of our function's variables begin with.
SETTINGS = "AUTHORIZER_"
# YAML reads ON without quotes as true, and CloudFormation takes it back.
_MFA = {"on": "ON", "true": "ON", "yes": "ON", "off": "OFF", "false": "OFF", "no": "OFF"}
# What an app client supports that does not say.
_DEFAULT_FLOWS = ("ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH")
# Ids of the shapes that Cognito makes up, by what has them: Ref, and an attribute.
_ID_SHAPES = {
    ("AWS::Cognito::UserPool", None): "eu-west-1_AbCdEf123",
    ("AWS::Cognito::UserPool", "UserPoolId"): "eu-west-1_AbCdEf123",
    ("AWS::Cognito::UserPoolClient", None): "client",
    ("AWS::Cognito::UserPoolClient", "ClientId"): "client",
}
# What tells which code a function runs.
_CODE = ("Handler", "CodeUri", "Code", "InlineCode", "ImageUri", "ImageConfig", "Layers", "Runtime")
_UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


def read_cognito(reading: Reading, file: str) -> Template:
    """Read user pools, app clients, groups and functions.

    Those that a condition may leave out count as there: what they would open, they may open.
    """
    choices, of_type = reading.choices, reading.of_type
    choices.is_watching = False  # what they come to opens no route
    found = Template(
        file=file,
        pools=tuple(_pool(reading, pool) for pool in of_type("AWS::Cognito::UserPool")),
        clients=tuple(
            _client(reading, client) for client in of_type("AWS::Cognito::UserPoolClient")
        ),
        groups=tuple(_group(reading, group) for group in of_type("AWS::Cognito::UserPoolGroup")),
        functions=tuple(_variables(reading, function) for function in of_type(*FUNCTION_TYPES)),
    )
    choices.is_watching = True
    return found


def _pool(reading: Reading, resource: Resource) -> UserPool:
    written = child(resource.properties, "MfaConfiguration")
    location = key_location(resource.properties, "MfaConfiguration")
    text = reading.text(written) or "OFF"
    mfa, what = _MFA.get(str(text).lower(), text), f"the MFA of {resource.id}"
    return UserPool(
        id=resource.id,
        location=resource.location,
        mfa=reading.fact(mfa, location or resource.location, what, written),
        mfa_location=location,
    )


def _client(reading: Reading, resource: Resource) -> AppClient:
    name, location = resource.id, resource.location
    secret, flows, validity, units = (
        child(resource.properties, name)
        for name in (
            *("GenerateSecret", "ExplicitAuthFlows", "AccessTokenValidity"),
            "TokenValidityUnits",
        )
    )
    return AppClient(
        id=name,
        location=location,
        has_secret=reading.fact(
            reading.flag(secret, default=False), location, f"whether {name} has a secret", secret
        ),
        auth_flows=reading.fact(
            reading.texts(flows) or _DEFAULT_FLOWS, location, f"the sign-in flows of {name}", flows
        ),
        access_token_seconds=reading.fact(
            _access_token_seconds(reading, resource.properties),
            location,
            f"how long {name}'s tokens are valid",
            validity,
            units,
        ),
        access_token_location=key_location(resource.properties, "AccessTokenValidity"),
    )


@or_unknown
def _access_token_seconds(reading: Reading, properties: Node) -> int:
    amount = known(reading.number(child(properties, "AccessTokenValidity"), default=0))
    units = reading.get(properties, "TokenValidityUnits")
    unit = known(reading.text(reading.get(units, "AccessToken"))) or "hours"
    if unit.lower() not in _UNIT_SECONDS:
        raise UndecidedError(f"expected {', '.join(_UNIT_SECONDS)}, found {clip(unit)}")
    return amount * _UNIT_SECONDS[unit.lower()] or 3600


def _group(reading: Reading, resource: Resource) -> UserGroup:
    written, location = child(resource.properties, "GroupName"), resource.location
    name = reading.text(written) or Unknown(
        "it has no GroupName, so Cognito or CloudFormation makes one up"
    )
    fact = reading.fact(name, location, f"the name of {resource.id}", written)
    return UserGroup(id=resource.id, location=location, name=fact)


def _variables(reading: Reading, resource: Resource) -> FunctionVariables:
    """What a setting of ours has from elsewhere is not known; what is not there is a mistake."""
    environment = reading.get(resource.properties, "Environment")
    choices, what = reading.choices, f"the variables of {resource.id}"
    found = FunctionVariables(
        id=resource.id,
        location=resource.location,
        variables={},
        common=_common_to_all(reading, resource, child(environment, "Variables")),
        is_complete=has_all_entries(environment)
        and has_all_entries(reading.get(environment, "Variables")),
        code=tuple(_written(reading, child(resource.properties, name)) for name in _CODE),
    )
    choices.is_watching = True  # settings may be on one side of a condition
    entries = [
        entry
        for environment in reading.mappings(child(resource.properties, "Environment"), what)
        for entry in reading.entries(child(environment, "Variables"), what)
    ]
    for name, location, value in entries:
        choices.is_watching = name.startswith(SETTINGS)
        # On either side of a condition: no such template is deployed.
        for part in chain.from_iterable(map(parts_of, reading.branches(value)[0])):
            why = getattr(part, "why", None)
            if choices.is_watching and isinstance(why, Mistake):
                reading.note(location, what, why)
        text = reading.text(value)
        likely = _likely(reading, value) if isinstance(text, Unknown) else None
        if likely is not None:
            found.likely[name] = likely
        elif getattr(reading.resolve(value), "kind", None) == GIVEN:
            text = Unknown("a parameter in it is empty unless a deployment gives it")
        elif choices.is_watching and isinstance(text, Unknown):
            reading.note(location, name, text.why)
        if text is not None:
            found.variables[name] = text
            found.locations[name] = location
    choices.is_watching = False
    return found


def _written(reading: Reading, node: Node) -> str:
    """A value as it is written, to compare it with another one."""
    match reading.resolve(node):
        case Mapping() as mapping:
            items = (f"{name}: {_written(reading, item)}" for name, _, item in mapping)
            return "{" + ", ".join(items) + "}"
        case Listing(items=items):
            return ", ".join(_written(reading, item) for item in items)
        case value:
            return spelled(value, lambda part: str(getattr(part, "id", getattr(part, "why", ""))))


def _common_to_all(reading: Reading, resource: Resource, written: Node) -> frozenset[str]:
    """The names of variables that Globals give to every function."""
    common = reading.common.get("AWS::Serverless::Function", Absent(resource.location))
    shared = reading.get(reading.get(common, "Environment"), "Variables")
    own = reading.resolve(written)
    return frozenset(
        name
        for name, _, value in (shared if isinstance(shared, Mapping) else ())
        if child(own, name) is value
    )


def _likely(reading: Reading, node: Node) -> str | None:
    """A text of ids that Cognito makes up, with others of their shape."""
    pieces = [_piece(reading, part) for part in parts_of(reading.resolve(node))]
    known_pieces = [piece for piece in pieces if piece is not None]
    return "".join(known_pieces) if known_pieces == pieces else None


def _piece(reading: Reading, part: Node) -> str | None:
    match part, reading.resource_of(part):
        case Text(text=text), _:
            return text
        case Reference(attribute=attribute), Resource(type=kind):
            return _ID_SHAPES.get((kind, attribute))
        case _:
            return None
