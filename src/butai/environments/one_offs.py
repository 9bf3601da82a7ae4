"""The program that runs an environment's tasks that run once, beside its engine: after a create, before a destroy.

    python -m butai.environments.one_offs FILE

It asks the engine for the state, to find the services whose image and network the tasks have.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from butai.aws import deployments
from butai.aws.clients import Clients, own_clients, read_descriptions
from butai.aws.definition import exchange
from butai.aws.deployments import Revision
from butai.aws.ecs import definition_in, service_in
from butai.aws.once import container_for
from butai.blueprints.service import AtCommit, OneOff, version_variables
from butai.datafolder import write_json
from butai.errors import ButaiError
from butai.runs.folder import Command, RunFolder
from butai.runs.migrations import Versions, keep_ran
from butai.runs.model import Step
from butai.runs.once import Once, token_of
from butai.runs.program import DONE, FAILED, Stop, listen
from butai.runs.saying import complain, complain_of, say
from butai.runs.service import RunView
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.terraform.state import StateSummary, summary
from butai.text import Text, text

ASKED = ("ecs", "logs")
BEFORE_DESTROY, AFTER_CREATE, BEFORE_DEPLOY = "before_destroy", "after_create", "before_deploy"


def tasks_of(
    at: AtCommit, when: str, run: RunView, folder: RunFolder, engine: Engine, versions: Versions | None = None
) -> list[Command]:
    """The command that runs what the blueprint declares for that moment; none where that is nothing.

    With `versions`, for those services alone, and in tasks with these versions.
    """
    declared = [
        (number, each)
        for number, each in enumerate(getattr(at.blueprint.tasks, when))
        if versions is None or each.service in versions
    ]
    if not declared:
        return []
    tasks = [_task(at, each, token_of(run, f"{when}-{number}"), versions or {}) for number, each in declared]
    file = folder.path / f"{when}.json"
    write_json(file, {"pull": commands.pull(engine), "when": when, "tasks": tasks})
    return [Command(Step.APPLY, [sys.executable, "-m", "butai.environments.one_offs", str(file)])]


def _task(at: AtCommit, each: OneOff, token: str, versions: Versions) -> dict[str, Any]:
    service, version = at.blueprint.services[each.service], versions.get(each.service)
    return {
        "name": each.service,
        "address": service.ecs_service,
        "definition": each.task_definition or "",
        "image": version["image"] if version else service.image,
        "variables": version_variables(service, version["commit"], version["branch"]) if version else None,
        "container": each.container or "",
        "command": each.command,
        "timeout_s": each.timeout_s,
        "token": token,
    }


def warm_up() -> None:
    """Read what is needed to run tasks."""
    read_descriptions(ASKED)


def get_ready(_file: Path) -> None:
    """Make the clients that a task takes."""
    for each in ASKED:
        own_clients()(each)


def main(file: Path) -> int:
    """Run them, one after the other; the first that fails ends it."""
    told, stop = json.loads(file.read_text()), Stop()
    listen(stop)
    try:
        state, clients = _state(told["pull"]), own_clients()
        for each in told["tasks"]:
            failure = (
                text("stopped")
                if stop.asked
                else _run(each, state, clients, stop, may_lack=told["when"] != AFTER_CREATE)
            )
            if failure:
                complain(failure)
                return FAILED
        keep_ran(file.parent, {each["name"] for each in told["tasks"]})
    except (ClientError, BotoCoreError) as error:
        complain(text("AWS refused: {reason}", reason=str(error)))
        return FAILED
    except ButaiError as error:
        complain_of(error)
        return FAILED
    return DONE


def _state(pull: list[str]) -> StateSummary:
    done = subprocess.run(pull, capture_output=True, check=False)
    if done.returncode:
        raise ButaiError(
            text("The state cannot be read: {reason}", reason=done.stderr.decode(errors="replace").strip())
        )
    return summary(done.stdout) if done.stdout.strip() else StateSummary(0, "", "", (), ())


def _run(told: Mapping[str, Any], state: StateSummary, clients: Clients, stop: Stop, *, may_lack: bool) -> Text | None:
    """Why a task did not do its work. `may_lack`: where its service is not there, there is nothing to do."""
    name, ref = told["name"], service_in(state, told["address"])
    described = deployments.services(clients("ecs"), ref.cluster, [ref.name]) if ref else None
    if ref is None or not described:
        words = text("{service}: there is no ECS service that its task could be like.", service=name)
        say(words)
        return None if may_lack else words
    service = described[ref.name]
    with _revision(told, state, service, clients("ecs")) as revision:
        if revision is None:
            words = text("{service}: there is no {address} to run with.", service=name, address=told["definition"])
            say(words)
            return None if may_lack else words
        container = _container(told, revision.definition)
        if not container:
            return text("{service}: no container was named for `{command}`, and none has the service's image.",
                        service=name, command=told["command"][0])  # fmt: skip
        one = Once(name, ref.cluster, service, revision.arn, revision.definition, container, told["command"],
                   told["token"], told["timeout_s"], clients, lambda: stop.asked, stop.wait)  # fmt: skip
        return one.run()


def _container(told: Mapping[str, Any], definition: Mapping[str, Any]) -> str:
    return container_for(definition, told["image"], told["container"])


@contextmanager
def _revision(
    told: Mapping[str, Any], state: StateSummary, service: Mapping[str, Any], ecs: Any
) -> Iterator[Revision | None]:
    """What a task runs with: the definition at an address, or the service's, with another version for the while if told so."""
    arn = definition_in(state, told["definition"]) if told["definition"] else service["taskDefinition"]
    if not arn:
        yield None
        return
    present = deployments.revision(ecs, arn)
    if told["variables"] is None:
        yield present
        return
    wanted = exchange(present.definition, told["image"], told["variables"]).definition
    registered = deployments.register(ecs, wanted)
    try:
        yield replace(present, arn=registered, definition=wanted)
    finally:
        # It would be the family's newest, which Terraform goes by. What runs with it goes on.
        with suppress(ClientError):
            deployments.deregister(ecs, registered)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
