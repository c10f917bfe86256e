"""Templates as people write them, each with everything that must be read from it.

Beside each template in ``tests/templates/real`` stands ``NAME.expected``: the routes, the
authorizers, and the exact list of what is left undecided. A line of it is changed by hand only.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from template_facts import facts

from authorizer.cli.template.reader import read_template

REAL = Path(__file__).parents[1] / "templates" / "real"
TEMPLATES = sorted([*REAL.glob("*.yaml"), *REAL.glob("*.json")])
PROJECT = Path(__file__).parents[2] / "template.yaml"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_everything_is_read_and_the_rest_is_said_to_be_undecided(path: Path) -> None:
    """What is read is what the expectation says, and nothing is guessed beside it."""
    assert facts(read_template(path)) == path.with_suffix(".expected").read_text("utf-8")


def test_there_are_templates_of_at_least_a_dozen_shapes() -> None:
    """The folder is there, and every expectation belongs to a template."""
    assert len(TEMPLATES) >= 12
    assert {path.stem for path in REAL.glob("*.expected")} == {path.stem for path in TEMPLATES}


def test_nothing_of_the_projects_own_template_is_undecided() -> None:
    """The sample deployment can be checked to the last fact."""
    template = read_template(PROJECT)

    assert template.unresolved == ()
    (api,) = template.apis
    assert api.is_complete
    assert {route.key: route.authorizer for route in api.routes} == {
        "GET /hello": "RbacCached",
        "GET /articles/{id}": "RbacCached",
        "POST /articles": "RbacCached",
        "PUT /articles/{id}": "RbacCached",
        "GET /users/{user}": "Rbac",
        "PATCH /users/{user}": "Rbac",
        "GET /admin/users": "RbacCached",
        "GET /admin/{proxy+}": "Rbac",
        "DELETE /admin/{proxy+}": "Rbac",
        "GET /reports/{id}": "RbacCached",
        "GET /health": None,
    }
    assert {one.name: one.ttl_seconds for one in api.authorizers} == {"Rbac": 0, "RbacCached": 60}
    assert {group.name for group in template.groups} == {"reader", "editor", "admin", "suspended"}


def test_places_name_the_file_as_it_was_given() -> None:
    """A name of the caller's, such as a revision, stands in every place instead of the path."""
    template = read_template(PROJECT, name="main:template.yaml")

    assert template.file == "main:template.yaml"
    assert str(template.apis[0].location).startswith("main:template.yaml:")
