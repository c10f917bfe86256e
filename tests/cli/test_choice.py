"""Which API of a template is meant, and what its routes are called."""

from __future__ import annotations

import pytest

from authorizer.cli.analysis.protection import routes_that_ask
from authorizer.cli.location import Location
from authorizer.cli.template.model import Api, ApiKind, Route, Template
from authorizer.cli.template.stacks import chosen_api
from authorizer.errors import ConfigurationError

HERE = Location(file="template.yaml", line=1, column=1)


def route(method: str, path: str, *, is_preflight: bool = False) -> Route:
    return Route(
        method=method, path=path, authorizer="Rbac", location=HERE, is_preflight=is_preflight
    )


def template(**apis: tuple[Route, ...]) -> Template:
    return Template(
        file="template.yaml",
        apis=tuple(
            Api(id=name, kind=ApiKind.HTTP, location=HERE, routes=routes)
            for name, routes in apis.items()
        ),
    )


def test_routes_are_named_as_api_gateway_names_them() -> None:
    """Each key once, in the template's order, without the preflight routes."""
    routes = (
        route("GET", "/users/{id}"),
        route("OPTIONS", "/users/{id}", is_preflight=True),
        route("OPTIONS", "/own"),
        route("GET", "/users/{id}"),
        route("", "$default"),
    )
    asking = routes_that_ask(chosen_api(template(Api=routes)))
    assert list(asking) == ["GET /users/{id}", "OPTIONS /own", "$default"]


def test_of_several_apis_one_is_named() -> None:
    """The logical id chooses."""
    two = template(Admin=(route("GET", "/a"),), Public=(route("GET", "/b"),))
    assert list(routes_that_ask(chosen_api(two, "Public"))) == ["GET /b"]
    assert chosen_api(two, "Admin").id == "Admin"


@pytest.mark.parametrize(
    ("apis", "api", "message"),
    [
        pytest.param(
            ("Admin", "Public"),
            None,
            "template.yaml: expected --api with one of Admin, Public, found several APIs",
            id="several",
        ),
        pytest.param(
            ("Admin", "Public"),
            "Pubic",
            "template.yaml: expected an API among Admin, Public, found 'Pubic'; "
            "did you mean 'Public'?",
            id="misspelt",
        ),
        pytest.param((), None, "template.yaml: expected an API, found none", id="none"),
        pytest.param((), "Api", "template.yaml: expected an API, found none", id="none of it"),
    ],
)
def test_a_choice_that_is_none_names_the_choices(
    apis: tuple[str, ...], api: str | None, message: str
) -> None:
    """Nothing is guessed: the message lists what there is."""
    with pytest.raises(ConfigurationError) as caught:
        chosen_api(template(**dict.fromkeys(apis, ())), api)
    assert str(caught.value) == message
