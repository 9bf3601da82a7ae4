"""ECS services of a root, and the variables that their images come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from butai.terraform.flow import expressions_behind, variables_behind
from butai.terraform.hcl import ModuleCall, Resource, Root
from butai.terraform.hcl_syntax import Expression, Reference

_TASK_TYPES = (
    "data.aws_ecr_image",
    "data.aws_ecs_container_definition",
    "data.template_file",
)
_CONTAINERS = re.compile(r"container_definitions?|template|vars|containers?")
_IMAGE_KEY = re.compile(r'\b(?:\w+_)?image(?:_\w+)?"?\s*[=:]')
_IMAGE_NAME = re.compile(r"(^|_)(image|img|docker|container)($|_)", re.IGNORECASE)
_TAG_NAME = re.compile(r"(^|_)(tag|version|sha|commit|revision|digest|release)($|_)", re.IGNORECASE)
_NAMELESS = frozenset({"this", "main", "default", "service", "ecs", "ecs-service"})


@dataclass(frozen=True)
class ServiceFound:
    """An ECS service. `variable` is empty where its image comes from no variable; `is_tag`: it holds a tag only.

    `default` is the variable's default where that is a text; `many`: the service has `count` or `for_each`.
    """

    name: str
    address: str
    where: str
    variable: str = ""
    is_tag: bool = False
    default: str = ""
    many: bool = False


def find_services(root: Root) -> Iterator[ServiceFound]:
    """Services of the root itself, then those of the local modules it calls; names are unique."""
    taken: set[str] = set()
    for found in [*_own(root), *_called(root)]:
        name = found.name if found.name not in taken else as_name(found.address)
        taken.add(name)
        yield ServiceFound(**{**vars(found), "name": name})


def _own(root: Root) -> Iterator[ServiceFound]:
    for service in _ecs_services(root):
        name = as_name(service.name)
        variable = _best(image_variables(root, service), name)
        yield _found(root, "app" if name in _NAMELESS else name, service.address, service.where, variable, service)


def _called(root: Root) -> Iterator[ServiceFound]:
    children = {child.folder.resolve(): child for child in root.children}
    for call in root.modules.values():
        child = children.get(call.folder.resolve()) if call.folder else None
        for service in _ecs_services(child) if child else ():
            inner = [name for name in image_variables(child, service) if name in call.body.attributes] if child else []
            outer = _through_call(root, call, inner)
            name = as_name(service.name)
            name = as_name(call.name) if name in _NAMELESS else f"{as_name(call.name)}-{name}"
            address = f"module.{call.name}.{service.address}"
            yield _found(root, name, address, call.where, _best(outer, name), service)


def _ecs_services(root: Root) -> list[Resource]:
    return [each for each in root.resources.values() if each.type == "aws_ecs_service" and not each.is_data]


def image_variables(root: Root, service: Resource) -> list[str]:
    """Variables behind the image of a service's containers, the likeliest first: written as the image, then by name."""
    tasks = _tasks(root, service.body.attributes.get("task_definition"))
    containers = [each for task in tasks for each in _containers(task)]
    reached = expressions_behind(root, containers, _TASK_TYPES)
    images = Expression("", 0, references=tuple(each for expression in reached for each in _on_image_lines(expression)))
    behind = variables_behind(root, containers, _TASK_TYPES)
    by_name = [name for name in behind if _IMAGE_NAME.search(name)] + [
        name for name in behind if _TAG_NAME.search(name)
    ]
    found = [*variables_behind(root, [images], _TASK_TYPES), *by_name]
    return list(dict.fromkeys(name for name in found if root.variables[name].type in {"", "any", "string"}))


def _on_image_lines(expression: Expression) -> Iterator[Reference]:
    lines = expression.text.split("\n")
    for reference in expression.references:
        # A reference in JSON syntax has the line of its string, which is one line here.
        if _IMAGE_KEY.search(lines[min(reference.line - expression.line, len(lines) - 1)]):
            yield reference


def _tasks(root: Root, expression: Expression | None) -> list[Resource]:
    """The task definitions that an expression leads to; all of them where it leads to none (a family's name)."""
    found = [each for each in root.resources.values() if each.type == "aws_ecs_task_definition"]
    paths = [reference.path for reference in expression.references] if expression else []
    named = [each for each in found if any(f"{path}.".startswith(f"{each.address}.") for path in paths)]
    return named or found


def _containers(task: Resource) -> Iterable[Expression]:
    return [each for key, each in task.body.attributes.items() if _CONTAINERS.fullmatch(key)]


def _through_call(root: Root, call: ModuleCall, inner: list[str]) -> list[str]:
    """The root's own variables behind the arguments that a child's image variables get."""
    given = [call.body.attributes[name] for name in inner]
    behind = variables_behind(root, given)
    return [name for name in behind if root.variables[name].type in {"", "any", "string"}]


def _best(variables: list[str], service: str) -> str:
    """The variable whose name shares most words with the service, then the likeliest; side-cars have images too."""
    words = set(service.split("-"))
    return max(variables, key=lambda each: len(words & set(as_name(each).split("-"))), default="")


def _found(root: Root, name: str, address: str, where: str, variable: str, service: Resource) -> ServiceFound:
    default = root.variables[variable].default if variable else ""
    return ServiceFound(
        name=name,
        address=address,
        where=where,
        variable=variable,
        is_tag=bool(_TAG_NAME.search(variable)),
        default=default if isinstance(default, str) else "",
        many=bool({"count", "for_each"} & set(service.body.attributes)),
    )


def as_name(text: str) -> str:
    """Lower-case letters, digits and single hyphens; empty where nothing of the text is any of these."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
