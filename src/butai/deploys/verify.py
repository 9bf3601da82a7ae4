"""What is looked at before anything changes. Everything that is wrong comes in one list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from butai.aws import deployments, presence, registry
from butai.aws.clients import Clients
from butai.aws.definition import exchange
from butai.aws.deployments import Revision
from butai.aws.image import parse_image
from butai.aws.lookup import has_log_group
from butai.deploys.looks import Key, Look, Looks, Said
from butai.deploys.model import (
    addresses_wanted,
    fits_fargate,
    is_assumable,
    missing_architecture,
    needs_of,
    other_controller,
    wants_fargate,
    wrong_ports,
)
from butai.deploys.task import Target
from butai.errors import did_you_mean
from butai.text import Text, text

AT_ONCE = 8


@dataclass
class Verified:
    """What was found: what is wrong, what could not be looked at, services' present revisions, families' newest ones."""

    problems: list[Text] = field(default_factory=list)
    unseen: list[Text] = field(default_factory=list)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    present: dict[str, Revision] = field(default_factory=dict)
    offered: dict[str, set[str]] = field(default_factory=dict)
    newest: dict[str, Revision] = field(default_factory=dict)


class Verification:
    """One look at everything that a deploy needs, in at most twelve calls for a usual service."""

    def __init__(self, clients: Clients, targets: list[Target]) -> None:
        self._clients, self._targets = clients, targets
        self.found = Verified()

    def look(self) -> Verified:
        """Each look begins as soon as it is known what it looks at; what they say is told in one order.

        Most services are on the newest revision of the family that their state knows: what that one names is looked at
        before it is known which one they are on.
        """
        self._make_clients()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            looks = Looks(pool)
            supposed = looks.begin(self._all_supposed())
            services, images = looks.begin(self._all_services()), looks.begin(self._all_images())
            looks.wait_for(supposed)
            looks.begin(self._named(self.found.newest.values()))
            looks.wait_for(services)
            definitions = looks.begin(self._definitions())
            looks.wait_for(definitions)
            rest = [*looks.begin(self._named(self.found.present.values())), *looks.begin(self._others())]
            self._tell(looks.said([*services, *images, *supposed, *definitions]))
            self._tell(Said(self._unfit()))
            self._tell(looks.said(rest))
        return self.found

    def _tell(self, said: Said) -> None:
        self.found.problems += said.problems
        self.found.unseen += said.unseen

    def _make_clients(self) -> None:
        """By this thread: several could not make one at the same time."""
        self._clients("ecs")
        for region in {image.region for each in self._targets if (image := parse_image(each.image)).is_ecr}:
            self._clients("ecr", region)

    def _all_supposed(self) -> dict[Key, Look]:
        families = sorted({each.family for each in self._targets} - {""})
        return {("supposed", each): partial(self._supposed, each) for each in families}

    def _all_services(self) -> dict[Key, Look]:
        clusters = sorted({each.cluster for each in self._targets})
        return {("services", each): partial(self._services, each) for each in clusters}

    def _all_images(self) -> dict[Key, Look]:
        return {("image", each.name): partial(self._image, each) for each in self._targets}

    def _definitions(self) -> dict[Key, Look]:
        there = [each for each in self._targets if each.name in self.found.services]
        return {("definition", each.name): partial(self._definition, each) for each in there}

    def _services(self, cluster: str) -> list[Text]:
        wanted = [each for each in self._targets if each.cluster == cluster]
        found = deployments.services(self._clients("ecs"), cluster, [each.service for each in wanted])
        if found is None:
            return [text("There is no cluster `{cluster}`.", cluster=cluster)]
        self.found.services |= {each.name: found[each.service] for each in wanted if each.service in found}
        return [
            text("There is no ECS service `{service}` in `{cluster}`.", service=each.service, cluster=cluster)
            for each in wanted
            if each.service not in found
        ]

    def _image(self, target: Target) -> list[Text]:
        image = parse_image(target.image)
        if not image.is_ecr:
            words = text("{image} is in no ECR registry: not looked at.", image=target.image)
            self.found.unseen.append(words)
            return []
        ecr = self._clients("ecr", image.region)
        found = registry.find_image(ecr, image.account, image.repository, image.tag)
        if found is None:
            return [_no_image(ecr, target)]
        if found.is_index:
            offered = registry.architectures(ecr, image.account, image.repository, found.digest)
            self.found.offered[target.name] = offered
        return []

    def _definition(self, target: Target) -> list[Text]:
        service = self.found.services[target.name]
        asked = (each for each in self.found.newest.values() if each.arn == service["taskDefinition"])
        present = next(asked, None) or deployments.revision(self._clients("ecs"), service["taskDefinition"])
        self.found.present[target.name] = present
        return []

    def _unfit(self) -> list[Text]:
        """What does not fit in the services with their definitions. No call."""
        return [
            words
            for each in self._targets
            if each.name in self.found.present
            for words in _of_definition(
                each,
                self.found.services[each.name],
                self.found.present[each.name].definition,
                self.found.offered.get(each.name, set()),
            )
        ]

    def _newest(self, family: str) -> list[Text]:
        self.found.newest[family] = deployments.revision(self._clients("ecs"), family)
        return []

    def _supposed(self, family: str) -> list[Text]:
        """Where there is no such family, its state is out of date."""
        with suppress(ClientError):
            self._newest(family)
        return []

    def _named(self, revisions: Iterable[Revision]) -> dict[Key, Look]:
        """The looks at what the definitions name, each thing once. Clients are made here, by this thread alone."""
        needs = [needs_of(each.definition) for each in revisions]
        iam, logs, ssm = self._clients("iam"), self._clients("logs"), self._clients("ssm")
        looks: dict[Key, Look] = {}
        for role in sorted(_together(each.roles for each in needs)):
            looks["role", role] = partial(_role, iam, role)
        for group in sorted(_together(each.log_groups for each in needs)):
            looks["log group", group] = partial(_log_group, logs, group)
        if parameters := _together(each.parameters for each in needs):
            looks["parameters", parameters] = partial(_parameters, ssm, parameters)
        for arn in sorted(_together(each.secrets for each in needs)):
            looks["secret", arn] = partial(_secret, self._clients("secretsmanager"), arn)
        return looks

    def _others(self) -> dict[Key, Look]:
        """The looks at what follows from the services: their subnets, and families that their state did not know."""
        looks: dict[Key, Look] = {}
        for subnets, more in self._addresses().items():
            looks["subnets", subnets] = partial(_subnets, self._clients("ec2"), subnets, more)
        for family in {each.family for each in self.found.present.values()} - self.found.newest.keys():
            looks["newest", family] = partial(self._newest, family)
        return looks

    def _addresses(self) -> dict[frozenset[str], int]:
        """How many addresses all roll-outs together take of subnets."""
        taken: Counter[frozenset[str]] = Counter()
        for service in self.found.services.values():
            subnets, more = addresses_wanted(service)
            taken[subnets] += more if subnets else 0
        return {subnets: more for subnets, more in taken.items() if more}


def _together(names: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*names)


def _no_image(ecr: Any, target: Target) -> Text:
    image = parse_image(target.image)
    newest = registry.newest_images(ecr, image.account, image.repository)
    return text(
        "{service}: there is no image {repository}:{tag}. {newest}",
        service=target.name,
        repository=image.repository,
        tag=image.tag,
        newest=text("The newest: {names}.", names=", ".join(newest)) if newest else text("There are none at all."),
    )


def _of_definition(
    target: Target, service: dict[str, Any], definition: dict[str, Any], offered: set[str]
) -> Iterable[Text]:
    """What does not fit in a service with its definition. No call."""
    if not exchange(definition, target.image, target.variables).containers:
        names = [each["name"] for each in definition["containerDefinitions"]]
        yield text(
            "{service}: no container runs an image of {repository}. {hint}",
            service=target.name,
            repository=parse_image(target.image).repository,
            hint=did_you_mean(target.name, names),
        )
    if controller := other_controller(service):
        yield text("{service}: {controller} rolls it out, not ECS.", service=target.name, controller=controller)
    yield from wrong_ports(service, definition)
    size = str(definition.get("cpu") or ""), str(definition.get("memory") or "")
    if wants_fargate(service, definition) and not fits_fargate(*size):
        yield text("{service}: Fargate has no tasks of {cpu} CPU units and {memory} MiB.", service=target.name,
                   cpu=size[0] or "?", memory=size[1] or "?")  # fmt: skip
    if missing := missing_architecture(definition, offered):
        yield text("{service}: its tasks want {wanted}, the image is for {offered}.", service=target.name,
                   wanted=missing, offered=", ".join(sorted(offered)))  # fmt: skip


def _role(iam: Any, role: str) -> list[Text]:
    policy = presence.trust_policy(iam, role)
    if policy is None:
        return [text("There is no role `{role}`.", role=role)]
    return [] if is_assumable(policy) else [text("ECS tasks may not take on the role `{role}`.", role=role)]


def _log_group(logs: Any, group: str) -> list[Text]:
    if has_log_group(logs, group):
        return []
    return [text("There is no log group `{group}`: no task could start.", group=group)]


def _parameters(ssm: Any, names: frozenset[str]) -> list[Text]:
    return [text("There is no parameter `{name}`.", name=each) for each in presence.missing_parameters(ssm, names)]


def _subnets(ec2: Any, subnets: frozenset[str], wanted: int) -> list[Text]:
    free = presence.free_addresses(ec2, subnets)
    if free >= wanted:
        return []
    names = ", ".join(sorted(subnets))
    return [text("The new tasks take {wanted} addresses, and {free} are free in {subnets}.", wanted=wanted, free=free,
                 subnets=names)]  # fmt: skip


def _secret(secrets: Any, arn: str) -> list[Text]:
    return [] if presence.has_secret(secrets, arn) else [text("There is no secret `{arn}`.", arn=arn)]
