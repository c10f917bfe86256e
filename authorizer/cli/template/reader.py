"""Reading a template: what kind of document it is, its resources, and who reads which of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authorizer.cli.location import FileError
from authorizer.cli.template import openapi
from authorizer.cli.template.cloudformation import read_cloudformation
from authorizer.cli.template.cognito import read_cognito
from authorizer.cli.template.deployments import in_every_deployment
from authorizer.cli.template.doors import read_doors
from authorizer.cli.template.model import (
    ApiKind,
    Elsewhere,
    HiddenRoutes,
    Template,
    Unknown,
    in_order,
)
from authorizer.cli.template.nodes import (
    Absent,
    Call,
    Listing,
    Mapping,
    Node,
    Reference,
    Text,
    Unresolvable,
    child,
    pattern_of,
    referred,
)
from authorizer.cli.template.parameters import Choices
from authorizer.cli.template.reading import Draft, Reading, Resource
from authorizer.cli.template.resolver import Resolver
from authorizer.cli.template.sam import implicit_types, read_sam
from authorizer.cli.template.stacks import Stack, together
from authorizer.cli.template.stages import read_stages
from authorizer.cli.yaml_source import TEMPLATE, compose, read_source
from authorizer.errors import ConfigurationError, clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from authorizer.cli.location import Location
    from authorizer.cli.template.model import Cause, Missing
    from authorizer.cli.template.stacks import Key

_SAM = "AWS::Serverless-2016-10-31"
# Transforms that add no routes, or that are worked out here.
_HARMLESS = (_SAM, "AWS::Include", "AWS::SecretsManager", "AWS::CodeDeployBlueGreen")
# Stacks within stacks within stacks; more is a circle.
_DEEPEST = 5
_NESTED = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")


def read_template(path: Path, *, name: str | None = None) -> Template:
    """Read a SAM or CloudFormation template, or an OpenAPI definition that stands alone.

    Args:
        path: of the file. Files that it includes are looked for beside it.
        name: of the file in places and messages; by default the path.

    Raises:
        FileError: if it cannot be read, or is no template at all.
    """
    file = name or str(path)
    try:
        data = read_source(path)
    except OSError as error:
        raise FileError(file, f"cannot be read: {error.strerror}") from error
    return parse_template(data, file, folder=path.parent)


def parse_template(data: bytes, file: str, *, folder: Path | None = None) -> Template:
    """Read a template from its bytes.

    Args:
        data: the file's content.
        file: its name in places and messages.
        folder: where the files are that it includes; without one, what they say is unresolved.

    Raises:
        FileError: if it is no template at all.
    """
    root = compose(data, file, TEMPLATE)
    try:
        return in_every_deployment(lambda choices: _template(root, file, folder, choices))
    except RecursionError as error:
        message = "expected a template, found definitions that depend on one another without end"
        raise FileError(root.place, message) from error


def _template(root: Node, file: str, folder: Path | None, choices: Choices) -> Template:
    return together(_stack(root, file, folder, choices).all())


def _stack(
    root: Node,
    file: str,
    folder: Path | None,
    choices: Choices,
    *,
    prefix: str = "",
    given: dict[str, Node] | None = None,
) -> Stack:
    """Read a template and those that are nested in it."""
    if not isinstance(root, Mapping):
        raise _no_template(root.place, "found no mapping")
    resolver = Resolver(root, folder, choices, given)
    reading = Reading(resolver, {})
    if "Resources" in root.entries:
        read_resources(reading, root)
    elif {"openapi", "swagger"} & root.entries.keys():
        _read_definition(reading, root)
    else:
        found = ", ".join(clip(name, 30) for name in list(root.entries)[:3]) or "an empty mapping"
        raise _no_template(root.place, f"found {found}")
    nested = _nested_stacks(reading, folder, prefix)
    pools, clients, groups, functions = read_cognito(reading)
    outputs, exports = _outputs(reading, root)
    template = Template(
        file=file,
        apis=tuple(
            draft.finished()
            for draft in sorted(reading.drafts.values(), key=lambda draft: draft.place)
        ),
        pools=pools,
        clients=clients,
        groups=groups,
        functions=functions,
        doors=read_doors(reading),
        unresolved=in_order(reading.unresolved),
    )
    stack = Stack(template=template, prefix=prefix, outputs=outputs, exports=exports, nested=nested)
    for inner in nested.values():
        inner.above = stack
    return stack


def _outputs(reading: Reading, root: Mapping) -> tuple[dict[str, Key], dict[str, Key]]:
    """Where outputs are, by their names and by those of their exports."""
    outputs: dict[str, Key] = {}
    exports: dict[str, Key] = {}
    resolver = reading.resolver
    resolver.choices.is_watching = False
    written = resolver.get(root, "Outputs")
    for name, _, node in written if isinstance(written, Mapping) else ():
        key = _key_of(resolver.get(node, "Value"))
        exported = pattern_of(resolver.get(resolver.get(node, "Export"), "Name"))
        if key is not None:
            outputs[name] = key
        if key is not None and exported is not None:
            exports[exported] = key
    resolver.choices.is_watching = True
    return outputs, exports


def _key_of(node: Node) -> Key | None:
    """Where what a value names is."""
    if isinstance(node, Reference):
        return ("resource", node.id)
    why = node.why if isinstance(node, Unresolvable) else None
    return why.key if isinstance(why, Elsewhere) else None


def _nested_stacks(reading: Reading, folder: Path | None, prefix: str) -> dict[str, Stack]:
    """The stacks of local templates, each read with the parameters that it is given."""
    found: dict[str, Stack] = {}
    for resource in reading.of_type(*_NESTED):
        written = reading.resolver.get(resource.properties, "Parameters")
        handed = dict(written.entries) if isinstance(written, Mapping) else {}
        given = {name: _handed(reading, node) for name, node in handed.items()}
        stack = _nested_stack(reading, resource, folder, f"{prefix}{resource.id}.", given)
        if isinstance(stack, Stack):
            found[resource.id] = stack
            _offer_above(reading, stack, handed)
        else:
            reading.note(resource.place, f"the resources of {resource.id}", stack)
            reading.stacks_elsewhere.append(resource)
            _leave_incomplete(reading, handed)
    return found


def _offer_above(reading: Reading, stack: Stack, handed: dict[str, Node]) -> None:
    """Take note of what a nested stack could be given instead."""
    for name, texts in stack.choices.others.items():
        if name in handed:
            _compare_above(reading, handed[name], texts)
        elif name.startswith("AWS::"):
            reading.resolver.parameters.compare(name, texts)


def _leave_incomplete(reading: Reading, handed: dict[str, Node]) -> None:
    """Whoever is given an API's id may add routes to it."""
    for node in handed.values():
        for value in reading.resolver.branches(node)[0]:
            if isinstance(value, Reference) and value.id in reading.drafts:
                reading.drafts[value.id].is_complete = False


def _compare_above(reading: Reading, handed: Node, texts: Iterable[str]) -> None:
    """Take note of what a parameter must be for a nested stack to be given one of these values."""
    name = referred(handed)
    if name is not None:
        reading.resolver.parameters.compare(name, texts)
    template = handed.argument if isinstance(handed, Call) and handed.name == "Fn::Sub" else None
    text = template.text if isinstance(template, Text) else ""
    parts = re.fullmatch(r"([^${}]*)\$\{([^!${}]+)\}([^${}]*)", text)
    if parts is not None:
        before, name, after = parts.groups()
        fitting = [text for text in texts if text.startswith(before) and text.endswith(after)]
        values = [one[len(before) : len(one) - len(after)] for one in fitting]
        reading.resolver.parameters.compare(name.strip(), values)


def _nested_stack(
    reading: Reading, resource: Resource, folder: Path | None, prefix: str, given: dict[str, Node]
) -> Stack | str:
    """A nested stack; or why its template is not at hand."""
    resolver = reading.resolver
    is_of_sam = resource.type == "AWS::Serverless::Application"
    location = resolver.get(resource.properties, "Location" if is_of_sam else "TemplateURL")
    root = resolver.file(location, location.place) if isinstance(location, Text) else None
    if folder is None or not isinstance(root, Mapping) or prefix.count(".") > _DEEPEST:
        return "a nested stack has a template of its own: check that, too"
    chosen = resolver.choices.chosen.items()
    choices = Choices({name: text for name, text in chosen if name.startswith("AWS::")})
    inside = (folder / getattr(location, "text", "")).parent
    try:
        stack = _stack(root, root.place.file, inside, choices, prefix=prefix, given=given)
    except ConfigurationError as error:
        return error.problems[0]
    stack.choices = choices
    return stack


def _handed(reading: Reading, node: Node) -> Node:
    """What a stack gives to one that is nested in it: a text, or where it is."""
    value = reading.resolver.resolve(node)
    if isinstance(value, Text):
        return value
    key = _key_of(value)
    if key is None and isinstance(value, Unresolvable):
        return value
    if key is None:
        return Unresolvable(value.place, "it is known only when deployed")
    return Unresolvable(value.place, Elsewhere("it is in the stack above", ("up", *key)))


def _no_template(place: Location, found: str) -> FileError:
    expected = "expected a template with Resources, or an OpenAPI definition"
    return FileError(place, f"{expected}, {found}")


def _read_definition(reading: Reading, root: Mapping) -> None:
    """Read an OpenAPI definition that stands alone, such as one that Terraform deploys."""
    kind = openapi.kind_of(reading, root)
    if isinstance(kind, Unknown):
        reading.note(root.place, "whether this is an HTTP or a REST API", kind.why)
        kind = ApiKind.REST
    draft = Draft(id="OpenApi", kind=kind, place=root.place, stands_alone=True)
    openapi.read_routes(reading, draft, root)
    reading.drafts[draft.id] = draft


def read_resources(reading: Reading, root: Mapping) -> None:
    """Read all resources of a template, with what Globals give them."""
    resources = reading.resolver.resolve(root.entries["Resources"])
    if isinstance(resources, Unresolvable):
        resources = Mapping(resources.place, {}, {}, resources.why)
    if not isinstance(resources, Mapping):
        raise _no_template(resources.place, "found Resources that are no mapping")
    reading.resolver.resources |= resources.entries.keys()
    globals_ = reading.resolver.get(root, "Globals")
    for resource in _resources(reading, resources, globals_):
        reading.resources[resource.id] = resource
        if resource.type in _NESTED:
            reading.resolver.stacks.add(resource.id)
    for name, kind in implicit_types():
        reading.resolver.resources.add(name)
        reading.common[kind] = child(globals_, kind.removeprefix("AWS::Serverless::"))
    reading.common["AWS::Serverless::Function"] = child(globals_, "Function")
    read_sam(reading)
    read_cloudformation(reading)
    read_stages(reading)
    _note_what_may_be_missing(reading, root, resources)


def _resources(reading: Reading, resources: Mapping, globals_: Node) -> Iterator[Resource]:
    for name, place, node in resources:
        if name.startswith("Fn::"):
            continue
        body = reading.resolver.resolve(node)
        kind = reading.resolver.text(reading.resolver.get(body, "Type"))
        if not isinstance(kind, str):
            why = kind.why if isinstance(kind, Unknown) else "it has no type"
            reading.note(place, f"what {name} is", why)
            continue
        exists, depends_on = _existence(reading, child(body, "Condition"))
        if exists:
            properties = _with_globals(reading, child(body, "Properties"), body, kind, globals_)
            yield Resource(
                id=name, place=place, type=kind, properties=properties, depends_on=depends_on
            )


def _existence(reading: Reading, condition: Node) -> tuple[bool, Cause | None]:
    """Whether a resource can exist, and what that depends on."""
    if not isinstance(condition, Text):
        return True, None
    verdict = reading.resolver.condition(condition.text)
    return verdict.value is not False or verdict.why is not None, verdict.why


def _note_what_may_be_missing(reading: Reading, root: Mapping, resources: Mapping) -> None:
    """Macros and loops may add routes, so that no API is complete beside them."""
    missing: list[tuple[Location, Missing, Cause]] = [
        (place, HiddenRoutes("what a loop adds"), f"{name} is decided only when deployed")
        for name, place, _ in resources
        if name.startswith("Fn::")
    ]
    missing += [
        (resource.place, f"what the module {resource.id} adds", "it is registered in the account")
        for resource in reading.resources.values()
        if resource.type.endswith("::MODULE")
    ]
    if resources.open is not None:
        missing.append((resources.place, HiddenRoutes("which resources there are"), resources.open))
    for transform, place in _transforms(reading, root):
        if not transform.startswith(_HARMLESS) and transform != "AWS::LanguageExtensions":
            missing.append(
                (place, HiddenRoutes(f"what the macro {transform} adds"), "it runs when deployed")
            )
    for place, what, why in missing:
        reading.note(place, what, why)
    for draft in reading.drafts.values() if missing else ():
        draft.is_complete = False


def _transforms(reading: Reading, root: Mapping) -> Iterator[tuple[str, Location]]:
    node = reading.resolver.resolve(child(root, "Transform"))
    for item in node.items if isinstance(node, Listing) else (node,):
        name = reading.resolver.get(item, "Name") if isinstance(item, Mapping) else item
        if isinstance(name, Text):
            yield name.text, name.place


# --- Globals ---


def _with_globals(
    reading: Reading, properties: Node, body: Node, kind: str, globals_: Node
) -> Node:
    properties = reading.resolver.resolve(properties)
    if not kind.startswith("AWS::Serverless::"):
        return properties
    common = reading.resolver.resolve(child(globals_, kind.removeprefix("AWS::Serverless::")))
    if not isinstance(common, Mapping):
        return properties
    ignored = reading.resolver.texts(child(body, "IgnoreGlobals"))
    if ignored == ("*",):
        return properties
    left = {name: value for name, _, value in common if name not in _names(ignored)}
    return _merged(Mapping(common.place, left, common.keys, common.open), properties)


def _names(names: tuple[str, ...] | Unknown) -> tuple[str, ...]:
    return () if isinstance(names, Unknown) else names


def _merged(common: Node, own: Node) -> Node:
    """As SAM merges: mappings name by name, lists one after the other, else the resource's own."""
    if isinstance(own, Absent):
        return common
    if isinstance(common, Listing) and isinstance(own, Listing):
        return Listing(own.place, common.items + own.items)
    if not (isinstance(common, Mapping) and isinstance(own, Mapping)):
        return own
    entries = dict(common.entries)
    for name, value in own.entries.items():
        entries[name] = _merged(common.entries.get(name, Absent(own.place)), value)
    return Mapping(own.place, entries, common.keys | own.keys, own.open or common.open)
