"""What a run is going to apply: commits, images, values. Worked out and checked at the door, before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from butai.blueprints.service import AtCommit, Blueprints, Service, image_for, variables_for, version_variables
from butai.environments.views import ServiceChoice
from butai.errors import NotFoundError, did_you_mean
from butai.images.rule import is_open
from butai.runs.model import RunKind
from butai.runs.service import RunView
from butai.text import text


@dataclass(frozen=True)
class Wanted:
    """What an environment shall be: the blueprint's commit, every service's version, a person's own variables."""

    ref: str
    commit: str
    services: dict[str, dict[str, str]]
    variables: dict[str, str]

    def as_params(self, values: Mapping[str, Any], urls: Mapping[str, str]) -> dict[str, Any]:
        """The run's parameters: the whole wish, the values that follow from it, and which outputs are URLs."""
        return {
            "ref": self.ref,
            "commit": self.commit,
            "services": self.services,
            "variables": self.variables,
            "values": dict(values),
            "urls": dict(urls),
        }


def from_params(params: Mapping[str, Any]) -> Wanted:
    """The wish that a run was given."""
    return Wanted(params["ref"], params["commit"], params["services"], params["variables"])


def exchanged(at: AtCommit, wanted: Wanted, services: Iterable[str], before: Wanted) -> dict[str, Any]:
    """What a deploy exchanges, by service: the variables that go with the version, and the version from before."""
    found = {}
    for name in services:
        chosen, service = wanted.services[name], at.blueprint.services[name]
        variables = version_variables(service, chosen["commit"], chosen["branch"])
        found[name] = {"variables": variables, "before": before.services.get(name, {})}
    return found


def others(wanted: Mapping[str, dict[str, str]], present: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The wanted versions of the services that are there with another image."""
    return {name: each for name, each in wanted.items() if name in present and present[name]["image"] != each["image"]}


def with_deploys(wanted: Wanted, since: Iterable[RunView], present: Mapping[str, dict[str, str]]) -> Wanted:
    """A wish from before with the versions that were deployed since and are there: no run brings back older ones."""
    kept = {}
    for run in since:
        for name in run.params.get("deploy", {}).get("services", ()) if run.kind is RunKind.DEPLOY else ():
            if present.get(name) == run.params["services"][name]:
                kept[name] = present[name]
    return replace(wanted, services={**wanted.services, **kept})


def rests_on(unfinished: Iterable[RunView], wanted: Wanted, chosen: Iterable[str]) -> dict[str, int]:
    """Which versions of a wish are there only because a deploy that has not ended will have put them: service -> run."""
    found: dict[str, int] = {}
    for run in unfinished:
        found |= run.params.get("rests_on", {})
        for name in run.params.get("deploy", {}).get("services", ()) if run.kind is RunKind.DEPLOY else ():
            if wanted.services.get(name) == run.params["services"][name]:
                found[name] = run.id
    return {name: run for name, run in found.items() if name not in set(chosen)}


def without_failed(
    at: AtCommit, params: Mapping[str, Any], there: Mapping[str, dict[str, str]]
) -> tuple[dict[str, Any], list[str]]:
    """A run's parameters with what is there instead of what it rested on, and the services whose deploy put nothing there."""
    found = [name for name in params.get("rests_on", {}) if name in there and name in params["services"]]
    failed = [name for name in found if not _is(there[name], params["services"][name])]
    services = {**params["services"], **{name: there[name] for name in found}}
    values = {**params["values"], **{at.blueprint.services[name].variable: there[name]["image"] for name in found}}
    return {**params, "services": services, "values": values}, failed


def _is(there: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether what is there is what was wanted; an image that was still to be found is whatever was found."""
    image = there["image"] if is_open(wanted["image"]) else wanted["image"]
    return dict(there) == {**wanted, "image": image}


def choose_services(
    blueprints: Blueprints,
    at: AtCommit,
    choices: Mapping[str, ServiceChoice],
    present: Mapping[str, dict[str, str]],
    there: Iterable[str],
) -> dict[str, dict[str, str]]:
    """The version of every service that is `there`: as chosen, else as at present, else its default branch's newest commit."""
    known = {name: at.blueprint.services[name] for name in there if name in at.blueprint.services}
    for name in choices:
        if name not in known:
            raise NotFoundError(
                text("The blueprint `{blueprint}` has no service `{name}`.", blueprint=at.name, name=name),
                next=did_you_mean(name, known),
                where="services",
                code="unknown-service",
            )
    return {name: _version(blueprints, at, name, service, choices, present) for name, service in known.items()}


def _version(
    blueprints: Blueprints,
    at: AtCommit,
    name: str,
    service: Service,
    choices: Mapping[str, ServiceChoice],
    present: Mapping[str, dict[str, str]],
) -> dict[str, str]:
    choice = choices.get(name)
    if choice is None and name in present:
        return {**present[name], "default_branch": service.branch}
    branch = (choice.branch if choice else "") or ("" if choice and choice.commit else service.branch)
    commit = blueprints.commit_of(at.name, name, (choice.commit if choice else "") or branch)
    return {
        "branch": branch or commit[:7],
        "commit": commit,
        "image": image_for(service, commit, branch or None),
        "default_branch": service.branch,
    }


def values_of(at: AtCommit, name: str, wanted: Wanted, leases: Mapping[str, str]) -> dict[str, Any]:
    """The root's variables: everything but secrets, whose values are read when the engine starts."""
    return dict(
        variables_for(
            at.blueprint,
            at.root,
            environment_name=name,
            images={service: chosen["image"] for service, chosen in wanted.services.items()},
            leases=leases,
            user=wanted.variables,
        )
    )
