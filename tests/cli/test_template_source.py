"""What is no template, and the traps of YAML and JSON: refused in one line, with its place."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from authorizer.cli.template.nodes import Mapping
from authorizer.cli.template.reader import parse_template, read_template
from authorizer.cli.yaml_source import TEMPLATE, compose
from authorizer.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def problem(data: bytes) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_template(data, "t.yaml")
    (only,) = caught.value.problems
    assert "\n" not in only
    return only


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "t.yaml:1:1: expected a template, found nothing"),
        (b"\xff\xfe\x00", "t.yaml:1:1: expected UTF-8, found 0xff at byte 0"),
        (b"a\x00b", "t.yaml:1:1: expected YAML: control characters are not allowed"),
        (
            b"just text",
            "expected a template with Resources, an OpenAPI definition or a Terraform plan",
        ),
        (
            b"a: 1\nb: 2",
            "t.yaml:1:1: expected a template with Resources, an OpenAPI definition or ",
        ),
        (b"Resources: []", "t.yaml:1:12: expected a template with Resources"),
        (b"Resources:", "found Resources that are no mapping"),
        (b"a: [1", "expected YAML: did not find expected ',' or ']'"),
        (b"a: 1\n\tb: 2", "t.yaml:2:1: expected YAML"),
        (b"a: 1\n---\nb: 2", "t.yaml:3:1: expected one document, found another"),
        (b"a: *b", "t.yaml:1:4: expected an anchor 'b', found none"),
        (b"a: &b [*b]", "t.yaml:1:8: expected no alias within its own anchor 'b'"),
        (b"[a]: 1", "t.yaml:1:1: expected a name, found a list or a mapping"),
        (b"<<: 1", "t.yaml:1:5: expected a mapping to merge, found something else"),
        (b'a: "\\U00110000"', "t.yaml:1:"),
        (b"%YAML 9999999999999999999999.1\n---\na: 1", "expected YAML"),
    ],
)
def test_what_is_no_template_is_refused_where_it_stands(data: bytes, expected: str) -> None:
    """One line: the place, what was expected, and what was found."""
    assert expected in problem(data)


@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- ", b"? "])
def test_deep_nesting_is_refused_at_once(opening: bytes) -> None:
    """A hundred levels are enough for any template; libyaml takes minutes over 100,000."""
    start = time.process_time()
    assert "expected at most 100 levels of nesting" in problem(opening * 100_000)
    assert time.process_time() - start < 2


def test_aliases_that_stand_for_too_much_are_refused() -> None:
    """Thirty lines of aliases that would be a billion values are no template."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert "found aliases without measure" in problem("\n".join(lines).encode())


def test_branches_on_branches_are_not_counted_out() -> None:
    """Eighteen levels of aliases in conditions would be a quarter of a million branches."""
    lines = ["b0: &b0 {/a: {get: {}}}"]
    lines += [f"b{n}: &b{n} !If [C, *b{n - 1}, *b{n - 1}]" for n in range(1, 19)]
    text = (
        "\n".join(lines)
        + """
Parameters: {P: {Type: String, Default: x}}
Conditions: {C: !Equals [!Ref P, x]}
Resources:
  A: {Type: AWS::ApiGateway::RestApi, Properties: {Body: {swagger: "2.0", paths: *b18}}}
"""
    )
    start = time.process_time()
    (api,) = parse_template(text.encode(), "t.yaml").apis
    assert [route.key for route in api.routes] == ["GET /a"]
    assert time.process_time() - start < 2


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    """API Gateway takes definitions of 6 MB at most."""
    assert "expected at most 6291456 bytes" in problem(b" " * (6 * 1024 * 1024 + 1))


def test_texts_that_grow_out_of_themselves_stay_small() -> None:
    """Joining a text with itself over and over comes to an undecided text, not to gigabytes."""
    join = "!Sub ['${a}${a}', {a: %s}]"
    text = "!Sub xxxxxxxxxxxxxxxx"
    for _ in range(30):
        text = join % text
    data = (
        f"Resources: {{Api: {{Type: AWS::ApiGatewayV2::Route, Properties: {{RouteKey: {text}}}}}}}"
    )
    assert parse_template(data.encode(), "t.yaml").apis == ()


def test_conditions_that_depend_on_one_another_without_end_are_refused() -> None:
    """Thousands of conditions in a chain are an error of ours, not Python's."""
    chain = "\n".join(f"  C{n}: !Not [!Condition C{n + 1}]" for n in range(5000))
    data = f"Conditions:\n{chain}\nResources:\n  F: {{Type: T, Condition: C0}}"
    assert "depend on one another without end" in problem(data.encode())


def test_json_is_read_with_its_tabs_and_escapes_where_they_stand() -> None:
    """Tabs between tokens are blanks, tabs and pairs of surrogates in texts are kept."""
    data = (
        '{\n\t"Resources": {\n\t\t"G": {\t"Type": "AWS::Cognito::UserPoolGroup",'
        '\n\t\t\t"Properties": {"GroupName": "a\\tb \\ud83d\\ude00\\/"}}}}'
    )
    (group,) = parse_template(data.encode(), "t.json").groups
    assert group.name == json.loads('"a\\tb \\ud83d\\ude00\\/"')
    assert str(group.location) == "t.json:3:3"


def test_half_a_pair_of_surrogates_can_be_printed() -> None:
    """Whatever an escape makes, our messages can be written as UTF-8."""
    data = (
        b'Resources: {G: {Type: AWS::Cognito::UserPoolGroup, Properties: {GroupName: "\\ud83d"}}}'
    )
    try:
        template = parse_template(data, "t.yaml")
    except ConfigurationError as error:
        str(error).encode()
    else:
        str(template.groups[0].name).encode()


def test_a_byte_order_mark_is_no_part_of_the_template() -> None:
    """Some editors on Windows write one."""
    data = b"\xef\xbb\xbfResources: {P: {Type: AWS::Cognito::UserPool}}"
    assert [pool.id for pool in parse_template(data, "t.yaml").pools] == ["P"]


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """The message names the file and the system's reason."""
    with pytest.raises(ConfigurationError, match=r"none\.yaml: cannot be read: No such file"):
        read_template(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_template(tmp_path)


@pytest.mark.parametrize("location", ["/etc/passwd", "s3://b/k", "https://example.com/x", "a\\0b"])
def test_only_files_beside_the_template_are_opened(tmp_path: Path, location: str) -> None:
    """A template that names any other place is not followed there."""
    path = tmp_path / "t.yaml"
    path.write_text(
        "Resources: {A: {Type: AWS::Serverless::Api, "
        f'Properties: {{DefinitionUri: "{location}"}}}}}}'
    )
    (one,) = read_template(path).unresolved
    assert "is not a file beside the template" in str(one.why)


def test_a_file_that_includes_itself_is_undecided(tmp_path: Path) -> None:
    """A circle of includes has no end to read."""
    include = "{'Fn::Transform': {Name: AWS::Include, Parameters: {Location: t.yaml}}}"
    path = tmp_path / "t.yaml"
    path.write_text(f"Resources: {include}")
    assert read_template(path).apis == ()
    path.write_text(
        f"Resources: {{A: {{Type: AWS::ApiGateway::RestApi, Properties: {{Body: {include}}}}}}}"
    )
    assert read_template(path).apis[0].routes == ()


def test_resources_that_a_macro_makes_are_undecided() -> None:
    """A template all of whose resources come from elsewhere is one, but nothing is known of it."""
    data = b"Resources: {'Fn::Transform': {Name: Everything}}"
    template = parse_template(data, "t.yaml")
    assert [(str(one.what), one.why) for one in template.unresolved] == [
        ("which resources there are", "the macro 'Everything' runs only when deployed")
    ]


def test_without_a_folder_an_included_file_is_undecided() -> None:
    """Bytes from a revision have no neighbours."""
    data = b"Resources: {A: {Type: AWS::Serverless::Api, Properties: {DefinitionUri: a.yaml}}}"
    template = parse_template(data, "t.yaml")
    assert not template.apis[0].is_complete
    assert [str(one.what) for one in template.unresolved] == ["the routes of A"]


@pytest.mark.parametrize("data", [b"A: {x: 1, y: 2, x: 3}", b'{"A": {"x": 1, "y": 2, "x": 3}}'])
def test_of_a_name_that_stands_twice_the_last_counts(data: bytes) -> None:
    """As SAM's own parser has it, and Python's for JSON."""
    root = compose(data, "t.yaml", TEMPLATE)
    assert isinstance(root, Mapping)
    inner = root.entries["A"]
    assert isinstance(inner, Mapping)

    assert {name: getattr(value, "text", "") for name, _, value in inner} == {"x": "3", "y": "2"}
    assert inner.keys["x"].column > inner.keys["y"].column
