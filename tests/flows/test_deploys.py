"""Deploys on the local cloud, from the wish to the end: the real program, real tasks, and no engine."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import psutil
import pytest

from butai.deploys.service import RollBackRequest
from butai.errors import NotFoundError
from butai.runs.folder import RunFolder
from butai.runs.model import NextAction, RunEnd, Step
from support.deploying import YAML, Stage, stage_in
from support.localcloud_team import server, wait_for
from support.processes import is_supervisor
from support.tiny_team import Server
from support.variants import again


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One cloud for the whole file: every test has an environment of its own in it."""
    folder = tmp_path_factory.mktemp("deploys")
    with stage_in(folder) as stage:
        yield stage


def test_a_deploy_exchanges_the_image_and_nothing_else(stage: Stage) -> None:
    environment = stage.environment("plain")
    before = stage.definition("plain")
    run = stage.deploy("plain", "two")
    assert run.end is RunEnd.SUCCEEDED, stage.log(run)
    after = stage.definition("plain")
    assert stage.team.get("plain").json()["version"] == "2"
    [old], [new] = before["containerDefinitions"], after["containerDefinitions"]
    assert new["image"].endswith(f"web:{stage.commits['two']}")
    assert new["environment"] == [
        {"name": "APP_VERSION", "value": stage.commits["two"][:7]},
        {"name": "KEPT", "value": "plain"},
    ]
    same = {"image", "environment"}
    assert {key: each for key, each in old.items() if key not in same} == {
        key: each for key, each in new.items() if key not in same
    }
    own = {"containerDefinitions", "taskDefinitionArn", "revision", "registeredAt"}
    assert {key: each for key, each in before.items() if key not in own} == {
        key: each for key, each in after.items() if key not in own
    }
    assert (run.planned, run.done, run.failed) == (1, 1, 0)
    [service] = stage.butai.environments.by_id(environment).services
    assert (service.branch, service.commit) == ("two", stage.commits["two"])
    said = stage.log(run)
    assert "1 of 1 new tasks run" in said and "ECS: (service plain)" in said and "web runs" in said


def test_the_same_again_registers_nothing(stage: Stage) -> None:
    stage.environment("again")
    assert stage.deploy("again", "two").end is RunEnd.SUCCEEDED
    assert stage.deploy("again", "two").end is RunEnd.SUCCEEDED
    assert stage.revisions("again") == 2


@again
def test_a_tag_that_moves_is_rolled_out_again(stage: Stage) -> None:
    stage.blueprint(YAML.replace("web:{commit}", "web:{branch}"))
    stage.branch(stage.web, "moving", server("5"))
    stage.environment("moving")
    assert stage.deploy("moving", "moving").end is RunEnd.SUCCEEDED
    assert stage.team.get("moving").json()["version"] == "5"
    stage.web.git("switch", "--quiet", "moving")
    stage.web.commit(server("6"), "Another build under the same name")
    assert stage.deploy("moving", "moving").end is RunEnd.SUCCEEDED
    stage.blueprint(YAML)
    assert stage.team.get("moving").json()["version"] == "6"


def test_an_image_that_is_not_there_ends_it_before_any_change(stage: Stage) -> None:
    environment = stage.environment("missing")
    run = stage.ask("missing", "two")
    stage.change_image(run, lambda image: image[:-4])
    ended = stage.carry(run)
    assert ended.end is RunEnd.FAILED_BEFORE_CHANGE
    assert ended.error and "there is no image web:" in ended.error["what"]
    assert stage.commits["broken"][:12] in ended.error["what"], "the newest that exist"
    assert stage.revisions("missing") == 1
    assert stage.butai.environments.by_id(environment).services[0].branch == "one"
    wait_for(lambda: stage.team.get("missing").json()["version"] == "1")


def test_a_build_that_crashes_at_its_start_fails_with_its_own_last_line(stage: Stage) -> None:
    environment = stage.environment("crash")
    run = stage.deploy("crash", "broken")
    assert run.end is RunEnd.NOT_ROLLED_OUT
    assert run.next_action is NextAction.ROLL_BACK
    assert run.error is not None
    what = run.error["what"]
    assert "Essential container in task exited (web: exit code 3). Its last line: no database here" in what
    assert "What ran before still serves (1 tasks)." in what
    assert stage.team.get("crash").json()["version"] == "1"
    shown = stage.butai.environments.by_id(environment)
    assert (shown.services[0].branch, shown.state.word) == ("one", "Up")
    events = stage.butai.runs.events(run.id)
    told = next(each.seq for each in events if "no database here" in each.message)
    assert told < next(each.seq for each in events if each.kind == "failed"), "at the moment when it was seen"
    again = stage.deploy("crash", "two")
    assert again.end is RunEnd.SUCCEEDED
    assert stage.team.get("crash").json()["version"] == "2"


def test_where_ecs_rolls_back_by_itself_its_revision_is_not_the_newest_any_more(stage: Stage) -> None:
    stage.environment("back")
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    stage.team.ecs.update_service(cluster="main", service="back", deploymentConfiguration=breaker)
    run = stage.deploy("back", "broken")
    assert run.end is RunEnd.NOT_ROLLED_OUT
    assert run.error is not None and "no database here" in run.error["what"]
    stage.team.wait_steady("back")
    assert stage.revisions("back") == 1
    assert stage.team.described("back")["taskDefinition"].endswith("back:1")


def test_a_roll_out_that_takes_too_long_ends_half_done_and_says_what_is_set(stage: Stage) -> None:
    stage.blueprint(YAML.replace("timeout_s: 40", "timeout_s: 4"))
    stage.environment("slow", breaker=False)
    run = stage.deploy("slow", "broken")
    stage.blueprint(YAML)
    assert run.end is RunEnd.PARTIALLY_APPLIED
    assert run.error is not None
    assert "Not rolled out in 4 s. ECS is set on slow:2 and goes on" in run.error["what"]


def test_a_stop_before_any_change_leaves_everything(stage: Stage) -> None:
    stage.environment("early")
    run = stage.ask("early", "two", wait_for_image_minutes=5)
    stage.change_image(run, lambda image: image[:-4])
    carrying = threading.Thread(target=stage.carry, args=(run,))
    carrying.start()
    wait_for(lambda: "Not built yet" in stage.log(run))
    stage.butai.runs.cancel(run.id)
    carrying.join(30)
    assert stage.butai.runs.get(run.id).end is RunEnd.CANCELLED_BEFORE_CHANGE
    assert stage.revisions("early") == 1


@again
def test_an_image_that_is_being_built_is_waited_for(stage: Stage) -> None:
    stage.environment("later")
    ecr = stage.cloud.client("ecr")
    ecr.delete_repository(repositoryName="web", force=True)
    run = stage.ask("later", "two", wait_for_image_minutes=5)
    carrying = threading.Thread(target=stage.carry, args=(run,))
    carrying.start()
    wait_for(lambda: "Not built yet, waited for up to 5 minutes" in stage.log(run))
    ecr.create_repository(repositoryName="web")
    carrying.join(60)
    assert stage.butai.runs.get(run.id).end is RunEnd.SUCCEEDED


def test_a_stop_in_mid_roll_out_says_what_is_set_and_a_roll_back_puts_the_old_one_back(stage: Stage) -> None:
    environment = stage.environment("stopped", breaker=False)
    run = stage.ask("stopped", "broken")
    carrying = threading.Thread(target=stage.carry, args=(run,))
    carrying.start()
    wait_for(lambda: "ECS is set on stopped:2" in stage.log(run))
    stage.butai.runs.cancel(run.id)
    carrying.join(30)
    assert stage.butai.runs.get(run.id).end is RunEnd.INTERRUPTED
    assert "Stopped. ECS is set on stopped:2 and goes on rolling it out" in stage.log(run)
    assert "`butai rollback stopped web`" in stage.log(run)
    [service] = stage.butai.environments.by_id(environment).services
    assert service.branch == "broken", "that is what is set"
    back = stage.butai.deploys.roll_back("stopped", RollBackRequest(service="web"), by="ken").run
    assert stage.carry(back).end is RunEnd.SUCCEEDED
    [service] = stage.butai.environments.by_id(environment).services
    assert (service.branch, service.differs) == ("one", True)
    assert stage.team.get("stopped").json()["version"] == "1"


@pytest.mark.parametrize(
    "moment",
    ["is deployed", *(pytest.param(each, marks=again) for each in ("services get another", "ECS is set on"))],
)
def test_a_killed_program_ends_truly_and_a_repetition_does_nothing_twice(stage: Stage, moment: str) -> None:
    name = "killed-" + str(len(moment))
    stage.environment(name)
    run = stage.ask(name, "two")
    folder = RunFolder(stage.butai.data.run(run.id))
    killed = threading.Event()

    def kill() -> None:
        # Closer than `wait_for` looks: the first moment is over within a tenth of a second.
        until = time.monotonic() + 60
        while not (folder.output(Step.APPLY).exists() and moment in folder.output(Step.APPLY).read_text()):
            assert time.monotonic() < until
            time.sleep(0.001)
        engine = folder.living_engine()
        assert engine is not None
        engine.kill()
        killed.set()

    killing = threading.Thread(target=kill)
    killing.start()
    ended = stage.carry(run)
    killing.join(10)
    assert killed.is_set()
    if moment == "services get another":
        assert ended.end is RunEnd.FAILED_BEFORE_CHANGE
    else:
        assert ended.end is RunEnd.PARTIALLY_APPLIED
    set_on = stage.definition(name)["containerDefinitions"][0]["image"]
    there = "two" if set_on.endswith(stage.commits["two"]) else "one"
    assert stage.butai.environments.get(name).services[0].branch == there, "the truth"
    assert stage.deploy(name, "two").end is RunEnd.SUCCEEDED
    assert stage.definition(name)["revision"] - stage.revisions(name) in (0, 1)
    assert stage.revisions(name) == 2, "none was registered twice"
    assert stage.team.get(name).json()["version"] == "2"


def test_without_its_supervisor_the_program_goes_on_and_its_end_is_known(stage: Stage) -> None:
    environment = stage.environment("alone")
    run = stage.ask("alone", "two")
    folder = RunFolder(stage.butai.data.run(run.id))

    def kill() -> bool:
        wait_for(lambda: "ECS is set on" in stage.log(run))
        supervisors = [each for each in psutil.process_iter() if is_supervisor(each, folder.path)]
        for each in supervisors:
            each.kill()
        return len(supervisors) == 1

    with ThreadPoolExecutor() as pool:
        killed = pool.submit(kill)
        ended = stage.carry(run)
    assert killed.result()
    assert ended.end is RunEnd.SUCCEEDED
    assert stage.butai.environments.by_id(environment).services[0].branch == "two"
    assert stage.team.get("alone").json()["version"] == "2"


def test_the_command_line_follows_a_deploy_to_its_end(stage: Stage) -> None:
    stage.environment("cli")
    server = Server(stage.butai.settings, stage.folder / "server.log")
    server.start()
    try:
        done = carried(stage, server, "deploy", "cli", "web=two")
        assert done.returncode == 0, done.stderr
        assert "web runs" in done.stderr and "succeeded" in done.stderr and " s in all" in done.stderr
        broken = carried(stage, server, "deploy", "cli", "web=broken")
        assert broken.returncode == 1
        assert "Its last line: no database here" in broken.stderr
        back = carried(stage, server, "rollback", "cli", "web", "--json")
        assert back.returncode == 0, back.stderr
        assert json.loads(back.stdout)["kind"] == "deploy"
        table = server.butai("deploys", "cli").stdout
        assert "not-rolled-out" in table and "broken" in table
        told = server.butai("env", "report", "cli").stdout
        assert told.startswith("**cli** (") and "/environments/tiny/cli?run=" in told
        never = server.butai("env", "report", "cli", "--at", "2020-01-01 14:05")
        assert never.returncode == 0 and "Nothing ran here at that time." in never.stdout
        same = server.butai("env", "compare", "cli", "cli")
        assert same.returncode == 0 and "0 differ" in same.stderr
        wrong = server.butai("deploy", "cli", "web")
        assert wrong.returncode == 2 and "NAME=VALUE" in wrong.stderr
        held = server.butai("hold", "cli", "--reason", "Trial", "--until", "1h", "--holder", "ken")
        assert held.returncode == 0 and "cli is held by ken until" in held.stderr
        assert "held by ken until" in server.butai("env", "list").stdout
        refused = server.butai("deploy", "cli", "web=one")
        assert refused.returncode == 3 and "held by ken until" in refused.stderr and "Trial" in refused.stderr
        assert server.butai("release", "cli").returncode == 3, "it is not theirs"
    finally:
        assert server.end() == 0


def test_what_somebody_else_put_there_is_named_before_it_is_exchanged(stage: Stage) -> None:
    stage.environment("foreign")
    made = stage.definition("foreign")
    [web] = made["containerDefinitions"]
    theirs = web["image"].replace(stage.commits["one"], stage.commits["two"])
    kept = {key: made[key] for key in ("family", "networkMode", "cpu", "memory", "executionRoleArn")}
    registered = stage.team.ecs.register_task_definition(
        **kept, requiresCompatibilities=["FARGATE"], containerDefinitions=[{**web, "image": theirs}]
    )["taskDefinition"]["taskDefinitionArn"]
    stage.team.ecs.update_service(cluster="main", service="foreign", taskDefinition=registered)
    stage.team.wait_steady("foreign")
    run = stage.deploy("foreign", "one")
    assert run.end is RunEnd.SUCCEEDED
    assert f"ECS was set on foreign:2 with {theirs} by" in stage.log(run)
    again = stage.deploy("foreign", "two")
    assert "past Butai" not in stage.log(again)
    assert again.end is RunEnd.SUCCEEDED


def test_what_all_tasks_of_a_service_print_is_followed(stage: Stage) -> None:
    stage.environment("heard")
    assert stage.deploy("heard", "two").end is RunEnd.SUCCEEDED
    logs = stage.butai.service_logs
    wait_for(lambda: logs.read("heard", "web", minutes=10))
    read = logs.read("heard", "web", minutes=10)
    assert [each.at for each in read] == sorted(each.at for each in read)
    assert {each.container for each in read} == {"web"} and all(each.task for each in read)
    assert logs.read("heard", "web", minutes=10, after=read[-1].at)[0].at >= read[-1].at
    assert logs.newest("heard", "web", minutes=10, most=2)[-1].at >= read[-1].at
    with pytest.raises(NotFoundError, match="no service `wep`"):
        logs.read("heard", "wep", minutes=10)

    serving = Server(stage.butai.settings, stage.folder / "server.log", aws=True)
    serving.start()
    try:
        printed = serving.butai("logs", "heard", "web")
        assert printed.returncode == 0, printed.stderr
        messages = [line.split("  ", 2)[2] for line in printed.stdout.splitlines()]
        assert messages[: len(read)] == [each.message for each in read]
        wrong = serving.butai("logs", "heard", "wep")
        assert wrong.returncode == 2 and "Did you mean `web`?" in wrong.stderr
    finally:
        assert serving.end() == 0


@again
def test_lines_are_followed_across_a_restart_of_the_server_each_told_once(stage: Stage) -> None:
    stage.environment("tail")
    serving = Server(stage.butai.settings, stage.folder / "tail.log", aws=True)
    serving.start()
    following = serving.begun("logs", "tail", "web", "-f", "--json")
    assert following.stdout and following.stderr
    try:
        stage.print_line("tail", "before")
        told_until(following.stdout, "before")
        assert serving.end() == 0
        assert "Trying again" in following.stderr.readline()
        stage.print_line("tail", "meanwhile")
        serving.start()
        stage.print_line("tail", "after")
        own = [each for each in told_until(following.stdout, "after") if each in ("before", "meanwhile", "after")]
        assert own == ["meanwhile", "after"]
    finally:
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=10)
        serving.end()


def told_until(lines: IO[str], last: str) -> list[str]:
    """The messages of a follower up to this one."""
    told: list[str] = []
    while last not in told:
        told.append(json.loads(lines.readline())["message"])
    return told


def carried(stage: Stage, server: Server, *argv: str) -> subprocess.CompletedProcess[str]:
    """A command whose run is carried out while it waits."""
    known = stage.butai.environments.get("cli").id
    before = stage.butai.environments.runs_of(known)[0].id
    with ThreadPoolExecutor() as pool:
        done = pool.submit(server.butai, *argv)
        wait_for(lambda: stage.butai.environments.runs_of(known)[0].id > before)
        stage.carry(stage.butai.environments.runs_of(known)[0])
        return done.result()
