"""What `butai.yaml` may say. Pure: these types are the reference, the JSON Schema and the checks in one."""

from __future__ import annotations

import re
import string
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    model_validator,
)

from butai.aws.image_tag import tag_of
from butai.blueprints.image_terms import SHAPES, Build, glob, image_template, template
from butai.blueprints.state_terms import REGION, STATE_WORDS, Part, StatePlace, shaped
from butai.blueprints.task_terms import OneOffs
from butai.blueprints.yaml_source import Source
from butai.errors import WrongUseError
from butai.git.locations import LocationError, RefError, check_location, check_ref
from butai.interval import EVERY
from butai.leases.service import CidrPool, Domain, Label, ListPool, Pool, Range, Subdomain, Things
from butai.text import text

FILE_NAME = "butai.yaml"
NAME_MAX_LENGTH = 20
NAME_OF_BLUEPRINT_MAX_LENGTH = 40

NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_-]*$"
ROLE = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$"
ECS_SERVICE = (
    r"^(output\.[A-Za-z_][A-Za-z0-9_-]*"
    r"|(module\.[A-Za-z_][A-Za-z0-9_-]*(\[[^\]]+\])?\.)*aws_ecs_service\.[A-Za-z_][A-Za-z0-9_-]*(\[[^\]]+\])?)$"
)
SECRET = r"^(ssm:/?[A-Za-z0-9_./-]+|env:[A-Za-z_][A-Za-z0-9_]*)$"  # noqa: S105 - the shape of a reference

# What a pattern means, for people who get it wrong.
PATTERN_WORDS = {
    **STATE_WORDS,
    NAME: text("must be a name of lower-case letters, digits and single hyphens that begins with a letter"),
    IDENTIFIER: text("must be a name as Terraform writes it: letters, digits, `_` and `-`"),
    ROLE: text("must be a role's ARN such as `arn:aws:iam::123456789012:role/staging`"),
    ECS_SERVICE: text("must be the address of an ECS service such as `aws_ecs_service.web`, or `output.NAME`"),
    EVERY: text("must be a time such as `30m`, `24h` or `7d` (five minutes at least), or `off`"),
    SECRET: text("must be a reference, `ssm:/path/of/parameter` or `env:NAME`, never the secret itself"),
}


def _repository(location: str) -> str:
    try:
        return check_location(location)
    except LocationError as error:
        more = error.why or error.next
        reason = text("{one} {other}", one=error.what, other=more) if more else error.what
        raise ValueError(text("cannot be used: {reason}", reason=reason)) from error


def _branch(ref: str) -> str:
    try:
        return check_ref(ref)
    except RefError as error:
        raise ValueError(text("cannot be the name of a branch")) from error


Name = Annotated[str, shaped(NAME, NAME_OF_BLUEPRINT_MAX_LENGTH)]
Identifier = Annotated[str, shaped(IDENTIFIER)]


class Service(Part):
    """Something deployable inside an environment: an ECS service with an image."""

    repository: Annotated[str, AfterValidator(_repository)] = Field(
        description="Git URL or path of the service's code; a relative path starts at the blueprint's own repository."
    )
    variable: Identifier = Field(description="Variable of the root that takes the image.")
    image: Annotated[str, AfterValidator(image_template)] = Field(
        description=(
            "The image of one version, with {commit}, {short_commit} (7 characters) or {branch}; a * in its tag stands"
            " for any text (the newest in ECR is taken), {artifact} for what its build on GitHub wrote."
        )
    )
    build: Build | None = Field(default=None, description="With {artifact}: where a build on GitHub writes it.")
    variables: dict[Identifier, Annotated[str, AfterValidator(template)]] = Field(
        default_factory=dict,
        description=(
            "Environment variables that the root makes out of the image's version: a deploy exchanges them with it,"
            " out of {commit}, {short_commit} or {branch}."
        ),
    )
    ecs_service: Annotated[str, shaped(ECS_SERVICE)] = Field(
        description="Address of the ECS service in the root (aws_ecs_service.web), or output.NAME."
    )
    branch: Annotated[str, AfterValidator(_branch)] = Field(default="main", description="Branch used by default.")
    migrations: Annotated[str, AfterValidator(glob)] | None = Field(
        default=None,
        description=(
            "Files of the repository that are its database's migrations, one each, such as migrations/*.sql: where the database"
            " has had more of them than the version that runs knows, its page says so."
        ),
    )

    @model_validator(mode="after")
    def _build_fits(self) -> Service:
        if ("{artifact}" in self.image) != (self.build is not None):
            raise ValueError(text("needs both or neither of `{artifact}` in `image` and `build`"))
        return self


class LeaseSpec(Part):
    """A pool out of which every environment gets a value of its own. Exactly one of range, subdomain, cidr, list."""

    variable: Identifier | None = Field(default=None, description="Variable of the root that takes the value.")
    range: Range | None = Field(default=None, description="Whole numbers: from, to, step.")
    subdomain: Domain | None = Field(default=None, description="Domain below which <environment> gets its host name.")
    also: list[Label] = Field(
        default_factory=list,
        max_length=20,
        description="With subdomain: further host names, <environment>-<label>, that the environment answers under.",
    )
    cidr: CidrPool | None = Field(default=None, description="Networks: blocks of a length out of a supernet.")
    list_: Things | None = Field(
        default=None,
        validation_alias="list",
        serialization_alias="list",
        description="Things that exist only outside AWS, such as test phone numbers.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> LeaseSpec:
        kinds = [self.range, self.subdomain, self.cidr, self.list_]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError(text("needs exactly one of `range`, `subdomain`, `cidr` and `list`"))
        if self.variable is None and self.subdomain is None:
            raise ValueError(text("needs `variable`: only a subdomain can do without one"))
        if self.also and self.subdomain is None:
            raise ValueError(text("has `also`, which goes with `subdomain` only"))
        return self

    def pools(self, name: str) -> dict[str, Pool]:
        """The pools it declares: one of its own name, and one for each further host name."""
        if self.subdomain is not None:
            further = {f"{name}:{label}": Subdomain(domain=self.subdomain, suffix=label) for label in self.also}
            return {name: Subdomain(domain=self.subdomain), **further}
        pool = self.range or self.cidr
        return {name: pool if pool is not None else ListPool(values=self.list_ or [])}


class EngineTerms(Part):
    """Which engine, and how much of its work may be done by a provider that several runs share."""

    name: Literal["terraform", "tofu"] | None = Field(default=None, description="The engine to use.")
    acceleration: Literal["plans", "applies", "off"] = Field(
        default="plans",
        description=(
            "plans: plans, drift checks and everything on an emulated cloud go the fast way; applies: changes on real"
            " accounts too, once `butai engine check` has found both ways equal; off: nothing does."
        ),
    )


def _engine_terms(value: Any) -> Any:
    """The engine's name alone is short for the section."""
    return {"name": value} if isinstance(value, str) else value


class Ready(Part):
    """When a new environment counts as up."""

    timeout_s: int = Field(default=300, ge=1, le=3600, description="Seconds for the services to be steady.")


class RunTerms(Part):
    """Where and how many of this blueprint's runs go on."""

    at_once: int = Field(default=0, ge=0, description="Runs of this blueprint at once; 0 for no limit of its own.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels that a worker must carry to take them.")


class DriftTerms(Part):
    """How often environments of this blueprint are looked at for drift."""

    every: Annotated[str, shaped(EVERY)] | None = Field(
        default=None,
        description="Time between two checks, such as 30m, 24h or 7d; off; else as the worker's setting says.",
    )


class Blueprint(Part):
    """How to make an environment from the root module that `butai.yaml` lies beside."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["environment_variable"]},
                {"required": ["state"], "properties": {"state": {"properties": {"s3": {"required": ["key"]}}}}},
            ]
        }
    )

    version: Literal[1] = Field(description="Version of this format.")
    name: Name | None = Field(default=None, description="The blueprint's name; else that of its repository.")
    engine: Annotated[
        EngineTerms, BeforeValidator(_engine_terms, json_schema_input_type=Literal["terraform", "tofu"] | EngineTerms)
    ] = Field(default_factory=EngineTerms, description="The engine to use: its name, or a section.")
    region: Annotated[str, shaped(REGION)] = Field(description="AWS region.")
    profile: Annotated[str, shaped(r"^[^\s\x00-\x1f]+$")] | None = Field(
        default=None, description="AWS profile to use."
    )
    role: Annotated[str, shaped(ROLE)] | None = Field(
        default=None, description="AWS role to take on; not with profile."
    )
    environment_variable: Identifier | None = Field(
        default=None,
        description="Variable of the root that takes the environment's name; only workspaces can do without one.",
    )
    name_max_length: int = Field(
        default=NAME_MAX_LENGTH, ge=2, le=NAME_MAX_LENGTH, description="Longest name of an environment."
    )
    services: dict[Name, Service] = Field(default_factory=dict, description="The services, by name.")
    urls: dict[Name, Identifier] = Field(
        default_factory=dict, description="Label: output that is a URL. The first is the environment's main address."
    )
    leases: dict[Identifier, LeaseSpec] = Field(default_factory=dict, description="What must be unique, by pool.")
    defaults: dict[Identifier, JsonValue] = Field(default_factory=dict, description="Values of further variables.")
    secrets: dict[Identifier, Annotated[str, shaped(SECRET, 2048)]] = Field(
        default_factory=dict,
        description="Variable: where each run reads its value, ssm:/path or env:NAME (of the worker).",
    )
    ready: Ready = Field(default_factory=Ready)
    runs: RunTerms = Field(default_factory=RunTerms)
    state: StatePlace | None = Field(default=None, description="Where states lie; else in Butai's own database.")
    drift: DriftTerms = Field(default_factory=DriftTerms)
    tasks: OneOffs = Field(default_factory=OneOffs, description="Commands that run once, at certain moments.")

    _source: Source = PrivateAttr(default_factory=lambda: Source(FILE_NAME))

    @property
    def source(self) -> Source:
        """The file it was read from, with the places of its keys."""
        return self._source

    def pools(self) -> dict[str, Pool]:
        """Every pool by name. A further host name of the pool `subdomain` is the pool `subdomain:LABEL`."""
        return {name: pool for key, spec in self.leases.items() for name, pool in spec.pools(key).items()}

    @property
    def has_workspaces(self) -> bool:
        """Whether its environments are workspaces of one backend."""
        return self.state is not None and self.state.s3.key is not None

    def main_url(self) -> str | None:
        """The output that is the environment's main address."""
        return next(iter(self.urls.values()), None)


def json_schema() -> dict[str, Any]:
    """JSON Schema of `butai.yaml`, for editors."""
    schema = Blueprint.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": FILE_NAME}


def image_for(service: Service, commit: str, branch: str | None) -> str:
    """The image of one version; a branch's name as a tag (`tag_of`).

    Raises WrongUseError where the image is named after the branch, and there is none, or nothing of its name fits.
    """
    if branch is None and "{branch}" in service.image:
        raise WrongUseError(
            text("The image `{image}` is named after a branch, but only a commit was given.", image=service.image),
            next=text("Give a branch instead of a commit."),
            code="branch-needed",
        )
    tag = tag_of(branch or "")
    if not tag and "{branch}" in service.image:
        raise WrongUseError(
            text(
                "The image `{image}` is named after a branch, and nothing of `{branch}` fits an image's tag.",
                image=service.image,
                branch=branch or "",
            ),
            next=text(
                "Rename the branch (a tag has letters, digits, `_`, `.` and `-`), or name the image after the commit."
            ),
            code="branch-unfit",
        )
    return _of_version(service.image, commit, tag)


def version_in(service: Service, image: str) -> dict[str, str]:
    """What an image says of its version, by the placeholders of the service's template; nothing where it is of no such name."""
    parts = [
        ".*".join(map(re.escape, literal.split("*"))) + (f"(?P<{name}>{SHAPES[name]})" if name else "")
        for literal, name, _, _ in string.Formatter().parse(service.image)
    ]
    try:
        match = re.fullmatch("".join(parts), image)
    except re.error:
        # A placeholder that comes twice.
        return {}
    return match.groupdict() if match else {}


def version_variables(service: Service, commit: str, branch: str) -> dict[str, str]:
    """The environment variables that go with one version of a service."""
    return {name: _of_version(each, commit, tag_of(branch)) for name, each in service.variables.items()}


def _of_version(template: str, commit: str, tag: str) -> str:
    # What its build wrote is found out later.
    return template.format(commit=commit, short_commit=commit[:7], branch=tag, artifact="{artifact}")
