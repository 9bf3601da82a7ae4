"""Text to blueprint, and blueprint against its root: every fault at once, each with its line and a hint. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from butai.blueprints.model import FILE_NAME, PATTERN_WORDS, Blueprint
from butai.blueprints.task_terms import WHENS
from butai.blueprints.yaml_source import Path, Problem, Source, read_yaml
from butai.errors import WrongUseError, did_you_mean
from butai.text import joined, text


class BlueprintError(WrongUseError):
    """`butai.yaml` is wrong. All faults are in `problems`, in the order of the file."""

    code = "bad-blueprint"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        first, *others = self.problems
        super().__init__(
            text("{first} (and {more} more)", first=first.message, more=len(others)) if others else first.message,
            why=joined("\n", (str(problem) for problem in self.problems)) if others else "",
            next=first.hint
            or text("Correct {file}; `butai blueprint schema` prints what it may hold.", file=first.file),
            where=f"{first.file}:{first.line}:{first.column}",
        )

    def as_json(self) -> dict[str, Any]:
        """The error's shape, with every problem of its own."""
        shape = super().as_json()
        shape["error"]["problems"] = [vars(problem) for problem in self.problems]
        return shape


class RootVariable(Protocol):
    """What is needed of one variable of a root."""

    @property
    def has_default(self) -> bool: ...
    @property
    def sensitive(self) -> bool: ...
    @property
    def type(self) -> str: ...


class Root(Protocol):
    """What is needed of a root module: its variables, its outputs and the addresses of its resources."""

    @property
    def variables(self) -> Mapping[str, RootVariable]: ...
    @property
    def outputs(self) -> Collection[str]: ...
    @property
    def resources(self) -> Collection[str]: ...


def parse(content: str, file: str = FILE_NAME) -> Blueprint:
    """Read `butai.yaml`. Raises BlueprintError with everything that is wrong."""
    source = read_yaml(content, file)
    if source.data is None and not source.problems:
        source.problems.append(
            Problem(file, 1, 1, text("The file is empty."), text("`butai init` writes a first one."))
        )
    if source.problems and not isinstance(source.data, dict):
        raise BlueprintError(source.problems)
    try:
        blueprint = Blueprint.model_validate(source.data)
    except ValidationError as error:
        found = [_problem(detail, source) for detail in error.errors(include_url=False)]
        raise BlueprintError([*source.problems, *found, *_whole_problems(source)]) from error
    problems = [*source.problems, *_whole_problems(source)]
    if problems:
        raise BlueprintError(problems)
    blueprint._source = source
    return blueprint


def _problem(detail: ErrorDetails, source: Source) -> Problem:
    """Pydantic's finding in the words of the file."""
    at_key = detail["loc"][-1:] == ("[key]",)
    path = _as_written(tuple(part for part in detail["loc"] if part != "[key]"), source)
    last = path[-1] if path else ""
    if detail["type"] == "missing":
        return source.problem(path[:-1], text("`{key}` is missing{place}.", key=last, place=_in(path)), at_key=True)
    if detail["type"] == "extra_forbidden":
        known = _keys_at(path[:-1])
        return source.problem(
            path,
            text("`{key}` is no key{place}.", key=last, place=_in(path)),
            did_you_mean(str(last), known),
            at_key=True,
        )
    if not path:
        return source.problem(path, text("The file must be a mapping of keys to values."))
    item = isinstance(last, int)
    subject = text("item {number} of `{list}`", number=int(last) + 1, list=path[-2]) if item else f"`{last}`"
    return source.problem(path, _sentence(subject, _words(detail)), at_key=at_key)


def _as_written(path: Path, source: Source) -> Path:
    """The engine's name may stand for its whole section."""
    short = path[:1] == ("engine",) and isinstance(source.data, dict) and not isinstance(source.data["engine"], dict)
    return path[:1] if short else path


def _sentence(subject: str, rule: str) -> str:
    if rule.endswith("."):
        return text("{subject} {rule}", subject=subject, rule=rule)
    return text("{subject} {rule}.", subject=subject, rule=rule)


def _in(path: Path) -> str:
    return text(" in `{path}`", path=".".join(map(str, path[:-1]))) if len(path) > 1 else ""


def _words(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "string_pattern_mismatch":
        return PATTERN_WORDS.get(context["pattern"], text("must match {pattern}", pattern=context["pattern"]))
    if detail["type"] == "value_error":
        words: str = context["error"].args[0]
        return words
    found = detail["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("List ").removeprefix("Value ")
    rule = _known(detail["type"], context, re.sub(r"^should", "must", found))
    unquoted = detail["type"] == "string_type" and isinstance(detail["input"], int | float)
    return text("{rule}; put it in quotes", rule=rule) if unquoted else rule


# The commonest of pydantic's own findings, so that they can be translated; any other one stays as pydantic says it.
_FINDINGS = {
    "bool_type": text("must be a valid boolean"),
    "dict_type": text("must be a valid dictionary"),
    "greater_than_equal": text("must be greater than or equal to {ge}"),
    "int_type": text("must be a valid integer"),
    "less_than_equal": text("must be less than or equal to {le}"),
    "list_type": text("must be a valid list"),
    "literal_error": text("must be {expected}"),
    "string_type": text("must be a valid string"),
}


def _known(type_: str, context: Mapping[str, Any], words: str) -> str:
    known = _FINDINGS.get(type_)
    found = text(known, **context) if known else words
    return found if found == words else words


def _keys_at(path: Path) -> list[str]:
    """The keys that may stand at a path of the format."""
    kind: Any = Blueprint
    for part in path:
        kind = _field(kind, str(part)) if _is_model(kind) else get_args(kind)[1]
    return [_alias(name, kind) for name in kind.model_fields]


def _field(model: type[BaseModel], key: str) -> Any:
    annotation = next(model.model_fields[name].annotation for name in model.model_fields if _alias(name, model) == key)
    models = [part for part in get_args(annotation) if _is_model(part)]
    # `Range | None` is a Range; `dict[Name, Service]` stays what it is.
    return models[0] if models and type(None) in get_args(annotation) else annotation


def _alias(name: str, model: type[BaseModel]) -> str:
    return str(model.model_fields[name].validation_alias or name)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _whole_problems(source: Source) -> list[Problem]:
    """What no part shows alone. Works on the raw data, so that it is found beside faults of single parts."""
    data = source.data if isinstance(source.data, dict) else {}
    problems = []
    if data.get("profile") is not None and data.get("role") is not None:
        problems.append(
            source.problem(("role",), text("`role` and `profile` exclude each other."), text("Keep one."), at_key=True)
        )
    if data.get("environment_variable") is None and not _mapping(_mapping(data, "state"), "s3").get("key"):
        message = text("`{key}` is missing{place}.", key="environment_variable", place="")
        problems.append(source.problem((), message, at_key=True))
    filled: dict[str, Path] = {}
    for variable, path in _filled(data):
        if variable in filled:
            first = source.problem(filled[variable], "", at_key=True).line
            message = text("The variable `{variable}` is filled twice.", variable=variable)
            problems.append(source.problem(path, message, text("First in line {first}.", first=first), at_key=True))
        filled.setdefault(variable, path)
    return problems


def _filled(data: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Every variable that the blueprint fills, and where it says so."""
    if isinstance(name := data.get("environment_variable"), str):
        yield name, ("environment_variable",)
    for part in ("services", "leases"):
        for key, entry in _mapping(data, part).items():
            if isinstance(name := _mapping({"entry": entry}, "entry").get("variable"), str):
                yield name, (part, key, "variable")
    for part in ("defaults", "secrets"):
        for key in _mapping(data, part):
            yield key, (part, key)


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def check_against_root(blueprint: Blueprint, root: Root, set_by_files: Collection[str] = ()) -> None:
    """Refuse a blueprint that names what its root does not have, or leaves a required variable empty.

    `set_by_files`: variables that the root's own `terraform.tfvars` and `*.auto.tfvars` give a value.
    Raises BlueprintError with everything that is wrong.
    """
    problems = [
        *_variable_problems(blueprint, root, set_by_files),
        *_output_problems(blueprint, root),
        *_definition_problems(blueprint, root),
    ]
    problems += _task_problems(blueprint)
    if problems:
        raise BlueprintError(problems)


def _variable_problems(blueprint: Blueprint, root: Root, set_by_files: Collection[str]) -> Iterator[Problem]:
    filled = dict(_filled(blueprint.source.data or {}))
    for variable, path in filled.items():
        if variable not in root.variables:
            hint = did_you_mean(variable, root.variables)
            message = text("The root has no variable `{name}`.", name=variable)
            yield blueprint.source.problem(path, message, hint, at_key=path[0] in ("defaults", "secrets"))
    for name, variable_of_root in root.variables.items():
        if not variable_of_root.has_default and name not in filled and name not in set_by_files:
            message = text("The root's variable `{name}` has no default, and nothing fills it.", name=name)
            yield blueprint.source.problem((), message, text("Give it under `defaults`, `secrets` or `leases`."))


def _output_problems(blueprint: Blueprint, root: Root) -> Iterator[Problem]:
    for label, output in blueprint.urls.items():
        if output not in root.outputs:
            message = text("The root has no output `{output}`.", output=output)
            yield blueprint.source.problem(("urls", label), message, did_you_mean(output, root.outputs))
    for name, service in blueprint.services.items():
        path: Path = ("services", name, "ecs_service")
        kind, _, rest = service.ecs_service.partition(".")
        address = re.sub(r"\[.*\]$", "", service.ecs_service)
        if kind == "output" and rest not in root.outputs:
            message = text("The root has no output `{output}`.", output=rest)
            yield blueprint.source.problem(path, message, did_you_mean(rest, root.outputs))
        # What lies in a child module is not in the root's own files; the first plan tells.
        elif kind == "aws_ecs_service" and address not in root.resources:
            known = [resource for resource in root.resources if resource.startswith("aws_ecs_service.")]
            message = text("The root has no resource `{address}`.", address=address)
            yield blueprint.source.problem(path, message, did_you_mean(address, known))


def _definition_problems(blueprint: Blueprint, root: Root) -> Iterator[Problem]:
    known = [resource for resource in root.resources if resource.startswith("aws_ecs_task_definition.")]
    for when in WHENS:
        for number, each in enumerate(getattr(blueprint.tasks, when)):
            path: Path = ("tasks", when, number, "task_definition")
            if each.task_definition and when == "before_deploy":
                message = text("What runs before a deploy runs with the new version of the service's own definition.")
                yield blueprint.source.problem(path, message, "")
            elif each.task_definition and each.task_definition not in known:
                message = text("The root has no resource `{address}`.", address=each.task_definition)
                yield blueprint.source.problem(path, message, did_you_mean(each.task_definition, known))


def _task_problems(blueprint: Blueprint) -> Iterator[Problem]:
    for when in WHENS:
        for number, each in enumerate(getattr(blueprint.tasks, when)):
            if each.service not in blueprint.services:
                message = text("There is no service `{name}`.", name=each.service)
                hint = did_you_mean(each.service, blueprint.services)
                yield blueprint.source.problem(("tasks", when, number, "service"), message, hint)
