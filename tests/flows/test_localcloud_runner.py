"""Runner and router with the real API, real git repositories and real HTTP services as child processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from butai.loopback import free_port
from support.cloud import Cloud, running_cloud
from support.localcloud_team import REGISTRY, Team, server, wait_for


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """One cloud for the whole file: every test has services of its own in it."""
    with running_cloud(tmp_path_factory.mktemp("runner")) as cloud:
        yield Team(cloud)


def log_of(team: Team, service: str, container: str = "") -> str:
    folder = team.cloud.data / "logs" / "main" / service
    return "".join(path.read_text() for path in sorted(folder.glob(f"*/{container or service}.log")))


def test_a_service_becomes_steady_and_answers_under_its_name(team: Team) -> None:
    group = team.web("steady", count=2)
    described = team.described("steady")
    assert (described["runningCount"], described["pendingCount"], len(described["deployments"])) == (2, 0, 1)
    deployment = described["deployments"][0]
    assert (deployment["status"], deployment["runningCount"], deployment["failedTasks"]) == ("PRIMARY", 2, 0)
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."
    assert team.health(group) == ["healthy", "healthy"]
    wait_for(lambda: team.get("steady").status_code == 200)
    answers = [team.get("steady").json() for _ in range(4)]
    assert len({answer["pid"] for answer in answers}) == 2, "both take their turn"
    tasks = team.tasks("steady")
    assert [task["lastStatus"] for task in tasks] == ["RUNNING", "RUNNING"]
    assert {task["group"] for task in tasks} == {"service:steady"}
    assert {task["taskDefinitionArn"] for task in tasks} == {described["taskDefinition"]}
    bindings = [task["containers"][0]["networkBindings"][0]["hostPort"] for task in tasks]
    assert sorted(bindings) == sorted(int(answer["env"]["PORT"]) for answer in answers[:2])
    wait_for(lambda: "has reached a steady state." in team.events("steady"))


def test_a_roll_out_fails_no_request(team: Team) -> None:
    team.web("rolling", count=2, version="1")
    wait_for(lambda: team.get("rolling").status_code == 200)
    old = team.described("rolling")["deployments"][0]["id"]
    commit = team.repository("rolling").commit(server("2"))
    seen: list[tuple[int, str]] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answer = team.get("rolling", "/slow?seconds=0.05")
            seen.append((answer.status_code, answer.json()["version"] if answer.status_code == 200 else answer.text))

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    try:
        definition = team.definition("rolling", f"rolling:{commit[:12]}")
        team.ecs.update_service(cluster="main", service="rolling", taskDefinition=definition)
        statuses = {one["status"]: one["id"] for one in team.described("rolling")["deployments"]}
        assert statuses["ACTIVE"] == old and statuses["PRIMARY"] != old
        team.wait_steady("rolling")
        time.sleep(0.5)
    finally:
        done.set()
        for asker in askers:
            asker.join()
    assert {status for status, _ in seen} == {200}
    assert (seen[0][1], seen[-1][1]) == ("1", "2")
    assert len(seen) > 40
    assert [task["taskDefinitionArn"] for task in team.tasks("rolling")] == [definition] * 2
    assert team.described("rolling")["runningCount"] == 2
    stopped = team.tasks("rolling", "STOPPED")
    assert {task["stoppedReason"] for task in stopped} == {f"Scaling activity initiated by (deployment {old})"}


def test_a_version_that_never_gets_healthy_leaves_the_old_one_serving(team: Team) -> None:
    team.web("careful", version="1")
    commit = team.repository("careful").commit({"app.py": "raise SystemExit('broken on purpose')\n"})
    definition = team.definition("careful", f"careful:{commit}")
    team.ecs.update_service(cluster="main", service="careful", taskDefinition=definition)
    wait_for(lambda: team.described("careful")["deployments"][0]["failedTasks"] >= 3)
    new, old = team.described("careful")["deployments"]
    assert (new["rolloutState"], old["runningCount"]) == ("IN_PROGRESS", 1)
    assert team.get("careful").json()["version"] == "1"
    assert "broken on purpose" in log_of(team, "careful")
    assert "failed: Essential container in task exited" in team.events("careful")
    exits = {task["containers"][0].get("exitCode") for task in team.tasks("careful", "STOPPED")}
    assert exits == {1}
    good = team.repository("careful").commit(server("3"))
    definition = team.definition("careful", f"careful:{good}")
    team.ecs.update_service(cluster="main", service="careful", taskDefinition=definition)
    team.wait_steady("careful")
    wait_for(lambda: team.get("careful").json()["version"] == "3")


def broken(team: Team, name: str, **breaker: bool) -> None:
    """A web service with a circuit breaker, and a version on it that crashes at its start."""
    team.web(name, version="1")
    given: Any = {"deploymentCircuitBreaker": breaker}
    team.ecs.update_service(cluster="main", service=name, deploymentConfiguration=given)
    commit = team.repository(name).commit({"app.py": "raise SystemExit('broken on purpose')\n"})
    definition = team.definition(name, f"{name}:{commit}")
    team.ecs.update_service(cluster="main", service=name, taskDefinition=definition)


def test_the_circuit_breaker_gives_up_and_the_old_version_serves_on(team: Team) -> None:
    broken(team, "breaker", enable=True, rollback=False)
    wait_for(lambda: team.described("breaker")["deployments"][0]["rolloutState"] == "FAILED")
    new, old = team.described("breaker")["deployments"]
    assert (new["failedTasks"], new["rolloutStateReason"]) == (
        3,
        "ECS deployment circuit breaker: tasks failed to start.",
    )
    assert (old["status"], old["runningCount"]) == ("ACTIVE", 1)
    assert f"(deployment {new['id']}) deployment failed: tasks failed to start." in team.events("breaker")
    time.sleep(3)  # longer than the wait after the third failure
    assert team.described("breaker")["deployments"][0]["failedTasks"] == 3, "nothing is started any more"
    assert team.get("breaker").json()["version"] == "1"
    good = team.repository("breaker").commit(server("3"))
    definition = team.definition("breaker", f"breaker:{good}")
    team.ecs.update_service(cluster="main", service="breaker", taskDefinition=definition)
    team.wait_steady("breaker")


def test_the_circuit_breaker_rolls_back_where_it_shall(team: Team) -> None:
    broken(team, "back", enable=True, rollback=True)
    wait_for(lambda: "rolling back to deployment" in team.events("back"))
    team.wait_steady("back")
    [now] = team.described("back")["deployments"]
    assert (now["status"], now["rolloutState"], now["failedTasks"]) == ("PRIMARY", "COMPLETED", 0)
    assert team.described("back")["taskDefinition"].endswith(":1")
    assert team.get("back").json()["version"] == "1"


def test_a_crashed_task_is_started_anew_and_counted(team: Team) -> None:
    team.web("crashing")
    wait_for(lambda: team.get("crashing").status_code == 200)
    before = team.get("crashing").json()["pid"]
    assert team.get("crashing", "/die").status_code == 502
    wait_for(lambda: team.described("crashing")["deployments"][0]["failedTasks"] == 1)
    wait_for(lambda: team.get("crashing").status_code == 200)
    assert team.get("crashing").json()["pid"] != before
    (stopped,) = team.tasks("crashing", "STOPPED")
    assert stopped["stoppedReason"] == "Essential container in task exited"
    assert (stopped["stopCode"], stopped["containers"][0]["exitCode"]) == ("EssentialContainerExited", 7)


def test_an_unhealthy_task_is_told_as_such_and_replaced(team: Team, tmp_path: Path) -> None:
    sick = tmp_path / "sick"
    group = team.web("sickly", environment={"SICK": str(sick)})
    before = team.tasks("sickly")[0]["taskArn"]
    sick.touch()
    wait_for(lambda: "unhealthy" in team.health(group) or team.tasks("sickly")[0]["taskArn"] != before, 20)
    sick.unlink()
    wait_for(lambda: team.health(group) == ["healthy"] and team.tasks("sickly")[0]["taskArn"] != before, 20)
    assert "Task failed ELB health checks in" in team.events("sickly")


def test_no_healthy_target_is_503_and_says_whose(team: Team) -> None:
    commit = team.repository("missing").commit(server("1"))
    group = team.group("nobody-home")
    team.rule(group, "missing.localhost")
    team.service("missing", team.definition("missing", f"missing:{commit}"), [group], count=0)
    team.wait_steady("missing")
    wait_for(lambda: "Service behind it: missing" in team.get("missing").text)
    answer = team.get("missing")
    assert answer.status_code == 503 and "nobody-home" in answer.text
    team.ecs.update_service(cluster="main", service="missing", desiredCount=1)
    wait_for(lambda: team.get("missing").status_code == 200)
    team.ecs.update_service(cluster="main", service="missing", desiredCount=0)
    wait_for(lambda: team.get("missing").status_code == 503)


def test_services_apart_by_host_and_path(team: Team) -> None:
    groups = {}
    for name in ("pages", "calls"):
        commit = team.repository(name).commit(server(name))
        groups[name] = team.group(name)
        team.service(name, team.definition(name, f"{name}:{commit}"), [groups[name]])
    team.rule(groups["calls"], "shop-?.localhost", "/api/*")
    team.rule(groups["pages"], "shop-?.localhost")
    team.wait_steady("pages", "calls")
    wait_for(lambda: team.get("shop-1").status_code == team.get("shop-1", "/api/menus").status_code == 200)
    assert team.get("shop-1", "/api/menus?x=%2F&y").json()["version"] == "calls"
    assert team.get("shop-1", "/api/menus?x=%2F&y").json()["path"] == "/api/menus?x=%2F&y"
    assert team.get("SHOP-1", "/api").json()["version"] == "pages"
    assert team.get("shop-12", "/").status_code == 404
    assert team.get("shop-12", "/").text == "nobody here"


def test_environment_and_secrets(team: Team) -> None:
    team.ssm.put_parameter(Name="/envy/token", Value="s3cret", Type="SecureString")
    arn = team.ssm.get_parameter(Name="/envy/token")["Parameter"]["ARN"]
    secrets = [{"name": "BY_NAME", "valueFrom": "/envy/token"}, {"name": "BY_ARN", "valueFrom": arn}]
    team.web("envy", environment={"PORT": "80", "GREETING": "hello", "a.dotted": "name"}, secrets=secrets)
    wait_for(lambda: team.get("envy").status_code == 200)
    env = team.get("envy").json()["env"]
    assert (env["BY_NAME"], env["BY_ARN"], env["GREETING"], env["a.dotted"]) == ("s3cret", "s3cret", "hello", "name")
    assert env["PORT"] != "80"
    assert env["AWS_ENDPOINT_URL"] == team.cloud.endpoint
    assert not [name for name in env if "BUTAI" in name.upper()]
    assert "s3cret" not in " ".join(" ".join(process.cmdline()) for process in service_processes(team, "envy"))


def test_a_missing_secret_and_a_missing_image_are_told(team: Team) -> None:
    commit = team.repository("lost").commit(server("1"))
    secrets = [{"name": "X", "valueFrom": "/no/such"}]
    team.service("lost-secret", team.definition("lost-secret", f"lost:{commit}", secrets=secrets))
    team.service("lost-image", team.definition("lost-image", f"lost:{'0' * 40}"))
    team.service("lost-repo", team.definition("lost-repo", "no-such:main"))
    reasons = {"lost-secret": "ResourceInitializationError", "lost-image": "CannotPullContainerError"}
    for name, reason in {**reasons, "lost-repo": "CannotPullContainerError"}.items():
        wait_for(lambda name=name: team.described(name)["deployments"][0]["failedTasks"] >= 2)  # type: ignore[misc]
        assert reason in team.events(name)
        stopped = team.tasks(name, "STOPPED")[0]
        assert stopped["stoppedReason"].startswith(reason) and stopped["stopCode"] == "TaskFailedToStart"
        team.ecs.delete_service(cluster="main", service=name, force=True)
        team.ecs.get_waiter("services_inactive").wait(cluster="main", services=[name], WaiterConfig={"Delay": 1})


def test_logs_are_in_files_and_in_cloudwatch(team: Team) -> None:
    logs = team.cloud.client("logs")
    logs.create_log_group(logGroupName="/team/chatty")
    options = {"awslogs-group": "/team/chatty", "awslogs-region": "x", "awslogs-stream-prefix": "web"}
    team.web("chatty", logConfiguration={"logDriver": "awslogs", "options": options})
    task = team.tasks("chatty")[0]["taskArn"].rpartition("/")[2]
    assert "version 1 starts" in (team.cloud.data / "logs" / "main" / "chatty" / task / "chatty.log").read_text()
    stream = f"web/chatty/{task}"
    wait_for(lambda: logs.describe_log_streams(logGroupName="/team/chatty")["logStreams"])
    told = logs.get_log_events(logGroupName="/team/chatty", logStreamName=stream, startFromHead=True)["events"]
    assert told[0]["message"] == "version 1 starts"


def test_a_worker_without_target_group_is_steady_once_it_runs(team: Team) -> None:
    code = "import time\nprint('working', flush=True)\ntime.sleep(600)\n"
    team.repository("worker").commit({"work.py": code, "Procfile": "web: false\nworker: python work.py\n"})
    team.service("worker", team.definition("worker", "worker:main"))
    team.wait_steady("worker")
    assert "working" in log_of(team, "worker")


def test_a_task_of_two_containers_ends_as_one_and_stop_timeout_holds(team: Team) -> None:
    code = "import signal, time\nsignal.signal(signal.SIGTERM, {})\nprint('up', flush=True)\ntime.sleep(600)\n"
    stubborn, polite = code.format("signal.SIG_IGN"), code.format("lambda *_: exit(3)")
    commit = team.repository("pair").commit({"stubborn.py": stubborn, "polite.py": polite})
    image = f"{REGISTRY}/pair:{commit}"
    both = [
        {"name": name, "image": image, "memory": 64, "command": ["python3", f"{name}.py"], "stopTimeout": 2}
        for name in ("stubborn", "polite")
    ]
    team.ecs.register_task_definition(family="pair", containerDefinitions=both)
    team.service("pair", "pair")
    team.wait_steady("pair")
    assert log_of(team, "pair", "polite") == log_of(team, "pair", "stubborn") == "up\n"
    began = time.monotonic()
    team.ecs.delete_service(cluster="main", service="pair", force=True)
    team.ecs.get_waiter("services_inactive").wait(cluster="main", services=["pair"], WaiterConfig={"Delay": 1})
    assert 2 <= time.monotonic() - began < 6
    (stopped,) = team.tasks("pair", "STOPPED")
    exits = {container["name"]: container["exitCode"] for container in stopped["containers"]}
    assert exits == {"stubborn": 137, "polite": 3}


def test_stop_task_is_obeyed_and_the_task_replaced(team: Team) -> None:
    team.web("told")
    (task,) = team.tasks("told")
    team.ecs.stop_task(cluster="main", task=task["taskArn"], reason="because")
    wait_for(lambda: [one for one in team.tasks("told") if one["taskArn"] != task["taskArn"]])
    wait_for(lambda: team.tasks("told", "STOPPED"))
    (stopped,) = team.tasks("told", "STOPPED")
    wait_for(lambda: team.tasks("told", "STOPPED")[0]["lastStatus"] == "STOPPED")
    assert (stopped["stoppedReason"], stopped["taskArn"]) == ("because", task["taskArn"])
    assert team.described("told")["deployments"][0]["failedTasks"] == 0


def test_a_deleted_service_ends_and_its_targets_go(team: Team) -> None:
    group = team.web("leaving", count=2)
    processes = service_processes(team, "leaving")
    assert len(processes) == 2
    team.ecs.delete_service(cluster="main", service="leaving", force=True)
    team.ecs.get_waiter("services_inactive").wait(cluster="main", services=["leaving"], WaiterConfig={"Delay": 1})
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert team.health(group) == []


def test_one_services_trouble_is_not_the_others(team: Team) -> None:
    commit = team.repository("calm").commit(server("1"))
    definition = team.definition("calm", f"calm:{commit}")
    group = team.group("doomed")
    team.service("troubled", definition, [group])
    wait_for(lambda: team.health(group) == ["healthy"])
    team.elb.delete_target_group(TargetGroupArn=group)
    wait_for(lambda: "waits for" in team.events("troubled"))
    wait_for(lambda: not service_processes(team, "troubled"))
    team.service("calm", definition)
    team.wait_steady("calm")


def service_processes(team: Team, service: str) -> list[psutil.Process]:
    """Processes of a service, found by the home that each of its tasks has."""
    ids = {task["taskArn"].rpartition("/")[2] for task in team.tasks(service)}
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.environ().get("HOME", "")).name in ids:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def web(team: Team) -> Team:
    """The team with a service `routed`, for what the load balancer does to requests."""
    team.web("routed")
    wait_for(lambda: team.get("routed").status_code == 200)
    return team


def test_headers(web: Team) -> None:
    sent = {"X-Forwarded-For": "10.1.1.1", "Connection": "X-Gone", "X-Gone": "1", "X-Kept": "1", "TE": "trailers"}
    told = {name.lower(): value for name, value in web.get("routed", headers=sent).json()["headers"].items()}
    assert told["host"] == f"routed.localhost:{web.port}"
    assert told["x-forwarded-for"] == "10.1.1.1, 127.0.0.1"
    assert (told["x-forwarded-proto"], told["x-forwarded-port"]) == ("http", str(web.port))
    assert told["x-kept"] == "1"
    assert not {"x-gone", "te"} & told.keys()


def test_a_client_keeps_its_connection(web: Team) -> None:
    with httpx.Client(trust_env=False, verify=False) as client:
        headers = {"Host": "routed.localhost"}
        ports = set()
        for _ in range(3):
            answer = client.get(f"http://127.0.0.1:{web.port}/", headers=headers)
            ports.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(ports) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_go_through_whole(web: Team, chunked: bool) -> None:
    body = bytes(range(256)) * 8192
    content: Any = (body[start : start + 65536] for start in range(0, len(body), 65536)) if chunked else body
    answer = web.get("routed", method="POST", content=content).json()
    assert answer == {"bytes": len(body), "sum": sum(body)}


def test_a_stream_comes_as_it_is_made_and_ends_with_its_reader(web: Team) -> None:
    headers = {"Host": "routed.localhost"}
    began = time.monotonic()
    with httpx.stream(
        "GET", f"http://127.0.0.1:{web.port}/stream", headers=headers, trust_env=False, verify=False
    ) as answer:
        lines = answer.iter_lines()
        assert [next(lines), next(lines)] == ["line 0", "line 1"]
    assert time.monotonic() - began < 5
    wait_for(lambda: "reader has gone" in log_of(web, "routed"))


def test_redirect_and_default_actions(web: Team) -> None:
    action = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302", "Host": "new.#{host}", "Port": "81"}}
    port = free_port()
    arn = web.add_listener(port, action)
    url = f"http://127.0.0.1:{port}/a/b?c=d"
    wait_for(lambda: answers(url))
    answer = httpx.get(url, headers={"Host": "old.localhost"}, trust_env=False, verify=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "http://new.old.localhost:81/a/b?c=d")
    web.elb.delete_listener(ListenerArn=arn)
    wait_for(lambda: not answers(url))


def answers(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False, verify=False)
    except httpx.TransportError:
        return False
    return True


def test_tasks_end_with_the_cloud_and_begin_anew_with_it(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    cloud.start()
    try:
        team = Team(cloud)
        team.web("again", count=2)
        first = service_processes(team, "again")
        assert len(first) == 2
        cloud.stop()
        assert not any(process.is_running() for process in first)
        cloud.start()
        check_second_life(cloud, team)
        cloud.kill()
        cloud.start()
        check_second_life(cloud, team)
    finally:
        cloud.close()


def check_second_life(cloud: Cloud, team: Team) -> None:
    """The same cloud again: steady with new tasks, and the ones before are told as stopped."""
    team.ecs, team.elb = cloud.client("ecs"), cloud.client("elbv2")
    team.wait_steady("again")
    wait_for(lambda: team.get("again").status_code == 200)
    assert len(service_processes(team, "again")) == 2
    assert {task["lastStatus"] for task in team.tasks("again", "STOPPED")} == {"STOPPED"}


def run_once(team: Team, family: str, command: list[str], **more: Any) -> dict[str, Any]:
    """A task of no service, as it is when it has stopped."""
    overrides: Any = {"containerOverrides": [{"name": family, "command": command}]}
    given = {"cluster": "main", "taskDefinition": family, "launchType": "FARGATE", "overrides": overrides, **more}
    [task] = team.ecs.run_task(**given)["tasks"]
    assert task["lastStatus"] == "PENDING"
    seen: list[Any] = []

    def stopped() -> bool:
        seen[:] = team.ecs.describe_tasks(cluster="main", tasks=[task["taskArn"]])["tasks"]
        return bool(seen[0]["lastStatus"] == "STOPPED")

    wait_for(stopped)
    return dict(seen[0])


def test_a_task_of_no_service_runs_once_with_its_own_command_and_ends(team: Team) -> None:
    commit = team.repository("once").commit(
        {"app.py": "import sys\nprint('asked for', *sys.argv[1:])\nsys.exit(int(sys.argv[1]))\n"}
    )
    team.definition("once", f"once:{commit}", environment={"WHO": "me"})
    good = run_once(team, "once", ["python", "app.py", "0"], startedBy="me", clientToken="token-1")
    assert (good["containers"][0]["exitCode"], good["stopCode"]) == (0, "EssentialContainerExited")
    assert (good["group"], good["startedBy"]) == ("family:once", "me")
    bad = run_once(team, "once", ["python", "app.py", "3", "x"], startedBy="me")
    assert bad["containers"][0]["exitCode"] == 3
    again: Any = {"cluster": "main", "taskDefinition": "once", "clientToken": "token-1"}
    assert team.ecs.run_task(**again)["tasks"][0]["taskArn"] == good["taskArn"], "the same token is the same task"
    stopped: Any = team.ecs.list_tasks(cluster="main", startedBy="me", desiredStatus="STOPPED")["taskArns"]
    assert sorted(stopped) == sorted([good["taskArn"], bad["taskArn"]])
    assert "asked for 0" in log_of(team, "once") and "asked for 3 x" in log_of(team, "once")
    assert run_once(team, "once", ["python", "nothing.py"])["containers"][0]["exitCode"] == 2
