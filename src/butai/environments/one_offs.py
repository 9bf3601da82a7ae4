"""The program that runs an environment's tasks that run once, beside its engine: after a create, before a destroy.

    python -m butai.environments.one_offs FILE

It asks the engine for the state, to find the services whose image and network the tasks have.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from butai.aws import deployments
from butai.aws.clients import Clients, own_clients, read_descriptions
from butai.aws.ecs import service_in
from butai.aws.once import container_for
from butai.blueprints.service import AtCommit
from butai.datafolder import write_json
from butai.errors import ButaiError
from butai.runs.folder import Command, RunFolder
from butai.runs.model import Step
from butai.runs.once import Once, token_of
from butai.runs.program import DONE, FAILED, Stop, listen
from butai.runs.saying import complain, say
from butai.runs.service import RunView
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.terraform.state import StateSummary, summary
from butai.text import Text, text

ASKED = ("ecs", "logs")
BEFORE_DESTROY, AFTER_CREATE = "before_destroy", "after_create"


def tasks_of(at: AtCommit, when: str, run: RunView, folder: RunFolder, engine: Engine) -> list[Command]:
    """The command that runs what the blueprint declares for that moment; none where that is nothing."""
    declared = getattr(at.blueprint.tasks, when)
    if not declared:
        return []
    tasks = [
        {
            "name": each.service,
            "address": at.blueprint.services[each.service].ecs_service,
            "image": at.blueprint.services[each.service].image,
            "container": each.container or "",
            "command": each.command,
            "timeout_s": each.timeout_s,
            "token": token_of(run, f"{when}-{number}"),
        }
        for number, each in enumerate(declared)
    ]
    file = folder.path / f"{when}.json"
    write_json(file, {"pull": commands.pull(engine), "when": when, "tasks": tasks})
    return [Command(Step.APPLY, [sys.executable, "-m", "butai.environments.one_offs", str(file)])]


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
                else _run(each, state, clients, stop, may_lack=told["when"] == BEFORE_DESTROY)
            )
            if failure:
                complain(failure)
                return FAILED
    except (ClientError, BotoCoreError) as error:
        complain(text("AWS refused: {reason}", reason=str(error)))
        return FAILED
    except ButaiError as error:
        complain(Text(error.what))
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
    revision = deployments.revision(clients("ecs"), service["taskDefinition"])
    container = container_for(revision.definition, told["image"], told["container"])
    if not container:
        return text("{service}: no container was named for `{command}`, and none has the service's image.",
                    service=name, command=told["command"][0])  # fmt: skip
    one = Once(name, ref.cluster, service, revision.arn, revision.definition, container, told["command"], told["token"],
               told["timeout_s"], clients, lambda: stop.asked, stop.wait)  # fmt: skip
    return one.run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
