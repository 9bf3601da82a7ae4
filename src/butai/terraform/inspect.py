"""What a root module offers for a first `butai.yaml`: found by looking, each with the place where it was found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from butai.terraform.ecs_services import ServiceFound, as_name, find_services
from butai.terraform.flow import paths_behind, resource_types, variables_behind
from butai.terraform.hcl import Root
from butai.terraform.hcl_syntax import UNKNOWN
from butai.terraform.inspect_leases import LISTENER_RULES, LeaseFound, find_leases
from butai.terraform.root import Backend

_ENVIRONMENT_NAMES = (
    "environment",
    "environment_name",
    "env",
    "env_name",
    "stage",
    "stage_name",
    "deployment",
    "stack",
)
_GENERAL_NAMES = ("name", "name_prefix", "prefix", "namespace", "suffix", "id", "identifier", "project", "project_name")
# Attributes that hold the name a thing has in AWS.
_NAMING = re.compile(
    r"name|name_prefix|identifier|bucket|family|cluster_id|replication_group_id|cluster_identifier"
    # Arguments of modules that make the names.
    r"|environment|environment_name|env|stage|namespace|prefix"
)
_URL_NAME = re.compile(r"(^|_)(url|uri|endpoint|website|link)s?($|_)")
_NO_PAGE = re.compile(
    r"aws_(sqs|sns|ecr|db|rds|elasticache|docdb|neptune|dynamodb|kinesis|msk|mq|opensearch|ssm|secrets)"
)
_NO_PAGE_NAME = re.compile(
    r"(^|_)(db|database|rds|redis|cache|queue|sqs|repository|registry|ecr|badge|valkey|postgres|mysql|broker)($|_)"
)
_SECRET_NAME = re.compile(r"(^|_)(password|passwd|secret|token|api_?key|private_?key|credentials?)s?$")


@dataclass(frozen=True)
class Candidate:
    """A variable that may carry the environment's name; `uses` counts names of resources that it is part of."""

    name: str
    where: str
    uses: int


@dataclass(frozen=True)
class UrlFound:
    """An output that is the address of something to open."""

    label: str
    output: str
    where: str


@dataclass(frozen=True)
class ToFill:
    """A variable that nothing fills: the first `butai.yaml` says so."""

    name: str
    type: str
    where: str


@dataclass(frozen=True)
class Proposal:
    """Everything found. `refusals`: why the root cannot be used as it is; `notes`: what a person should look at."""

    environment: tuple[Candidate, ...] = ()
    region: str = ""
    services: tuple[ServiceFound, ...] = ()
    urls: tuple[UrlFound, ...] = ()
    leases: tuple[LeaseFound, ...] = ()
    secrets: tuple[ToFill, ...] = ()
    defaults: tuple[ToFill, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    workspaces: Backend | None = None
    """The `s3` backend whose workspaces this root's environments are."""


def propose(root: Root, set_by_tfvars: Iterable[str] = ()) -> Proposal:
    """Look at a root. `set_by_tfvars`: variables that its own variable files set (`hcl.tfvars`)."""
    workspaces = _workspaces(root)
    environment = tuple(environment_candidates(root))
    if workspaces:
        # The workspace is the environment's name: only what is called so as well takes it too.
        environment = tuple(each for each in environment if _rank(each.name) == 0)
    name = environment[0].name if environment else ""
    services = tuple(find_services(root))
    leases = tuple(find_leases(root, name))
    lent = {each.variable for each in leases} | {each.variable for each in services}
    filled = {name, *set_by_tfvars, *lent}
    left = [each for each in root.variables.values() if not each.has_default and each.name not in filled]
    secrets = [each for each in left if each.sensitive or _SECRET_NAME.search(each.name)]
    return Proposal(
        environment=environment,
        region=_region(root),
        services=services,
        urls=tuple(_urls(root)),
        leases=leases,
        secrets=tuple(ToFill(each.name, each.type, each.where) for each in secrets),
        defaults=tuple(ToFill(each.name, each.type, each.where) for each in left if each not in secrets),
        notes=tuple(_notes(root, name)),
        refusals=() if workspaces else tuple(_refusals(root, environment)),
        workspaces=workspaces,
    )


def _workspaces(root: Root) -> Backend | None:
    return root.backend if root.workspace_uses and root.backend and root.backend.type == "s3" else None


def environment_candidates(root: Root) -> Iterator[Candidate]:
    """Text variables that may carry the environment's name, the likeliest first: by their name, then by their use."""
    uses = Counter(_used_in_names(root))
    texts = [each for each in root.variables.values() if each.type in {"", "any", "string"}]
    ranked = sorted(texts, key=lambda each: (_rank(each.name), -uses[each.name]))
    for each in ranked:
        if _rank(each.name) == 0 or (_rank(each.name) < 3 and uses[each.name]):
            yield Candidate(each.name, each.where, uses[each.name])


def _rank(name: str) -> int:
    if name in _ENVIRONMENT_NAMES:
        return 0
    if re.search(r"(^|_)(env|environment|stage)($|_)", name) and not re.search(r"(url|id|arn|type|account)$", name):
        return 1
    return 2 if name in _GENERAL_NAMES else 3


def _used_in_names(root: Root) -> Iterator[str]:
    made = [each.body for each in root.resources.values() if not each.is_data]
    for body in [*made, *(call.body for call in root.modules.values())]:
        names = [expression for key, expression in body.attributes.items() if _NAMING.fullmatch(key)]
        yield from variables_behind(root, names)


def _region(root: Root) -> str:
    provider = root.providers.get("aws")
    expression = provider.attributes.get("region") if provider else None
    if expression is None:
        return ""
    behind = [root.variables[name].default for name in variables_behind(root, [expression])]
    values = [expression.value, *behind]
    return next((each for each in values if isinstance(each, str) and re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", each)), "")


def _urls(root: Root) -> Iterator[UrlFound]:
    """Outputs that are addresses of pages; the main one first."""
    found = []
    for output in root.outputs.values():
        paths = paths_behind(root, [output.body.attributes["value"]] if "value" in output.body.attributes else [])
        texts = [output.value, *(_local_text(root, path) for path in paths)]
        has_scheme = any(re.search(r"https?://", text) for text in texts)
        named = _URL_NAME.search(output.name) and not _NO_PAGE_NAME.search(output.name)
        foreign = any(_NO_PAGE.match(kind) for kind in resource_types(paths))
        is_one = not output.value.startswith(("[", "{"))
        if not output.sensitive and is_one and (has_scheme or (named and not foreign)):
            label = re.sub(r"_?(url|uri|endpoint|website|link)$", "", output.name) or "web"
            found.append(UrlFound(as_name(label) or "web", output.name, output.where))
    main = {"url": 0, "web_url": 1, "app_url": 2, "site_url": 3}
    once: dict[str, UrlFound] = {}
    for each in found:
        once.setdefault(each.label, each)
    yield from sorted(once.values(), key=lambda each: main.get(each.output, 9))


def _local_text(root: Root, path: str) -> str:
    local = root.locals.get(path.split(".")[1]) if path.startswith("local.") else None
    return local.expression.text if local else ""


def _notes(root: Root, environment: str) -> Iterator[str]:
    for problem in root.problems:
        yield f"{problem} (read as far as possible; the engine's own message is the judge)"
    for rule in (each for each in root.resources.values() if each.type in LISTENER_RULES):
        priority = rule.body.attributes.get("priority")
        if priority is not None and priority.value is not UNKNOWN:
            yield f"{rule.where}: the priority of {rule.address} is fixed; two environments on one listener would collide."
    for each in root.resources.values():
        naming = each.body.attributes.get("name")
        if naming is not None and isinstance(naming.value, str) and not each.is_data and environment:
            yield f"{each.where}: the name of {each.address} is fixed; it can exist only once."
    called = {call.folder.resolve() for call in root.modules.values() if call.folder}
    for child in root.children:
        deep = [each for each in child.resources.values() if each.type == "aws_ecs_service"]
        if child.folder.resolve() not in called:
            yield from (f"{each.where}: {each.address} is an ECS service in a module of a module." for each in deep)
    for call in root.modules.values():
        if not call.folder and re.search(r"ecs", call.source) and "cluster" not in call.source:
            yield f"{call.where}: module.{call.name} ({call.source}) may make ECS services; it is not read here."
    missing = sorted(_undeclared(root))
    if missing:
        yield f"Used but declared in no file here: {', '.join(missing)}. Does another tool complete this root?"
    if root.backend:
        yield f"{root.backend.where}: backend `{root.backend.type}` is replaced in each run; the file stays as it is."


def _undeclared(root: Root) -> set[str]:
    bodies = [*(each.body for each in root.resources.values()), *(each.body for each in root.modules.values())]
    bodies += [*(each.body for each in root.outputs.values()), *root.providers.values()]
    expressions = [expression for body in bodies for expression in body.expressions()]
    expressions += [local.expression for local in root.locals.values()]
    return {name for each in expressions for name in each.variables()} - set(root.variables)


def _refusals(root: Root, candidates: tuple[Candidate, ...]) -> Iterator[str]:
    likely = [each.name for each in candidates if _rank(each.name) < 2]
    wanted = f"var.{likely[0]}" if likely else 'a variable, such as `variable "environment" { type = string }`,'
    if root.workspace_uses:
        first, others = root.workspace_uses[0], root.workspace_uses[1:]
        more = f" (and at {', '.join(each.where for each in others)})" if others else ""
        yield (
            f"{first.where}: reads terraform.workspace{more}. It would need {wanted} there, "
            'or a `backend "s3"` in which every environment is a workspace.'
        )
    elif not candidates:
        yield f"No variable carries the environment's name. The root needs {wanted} as a part of its names."
