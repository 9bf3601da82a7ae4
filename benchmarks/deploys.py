"""A deploy's own time and calls: Butai, the `ecs-deploy` package, the AWS CLI and Terraform with the same image change.

    make bench-deploys           # prints one JSON object last; writes benchmarks/results/deploys.json

All of them put another image on a service of the same shape on the same local cloud, one after the other in turn, past a relay
that writes down every call. Own time ends when the last UpdateService was answered: how long the roll-out takes is the service's
affair. It begins for Butai with the API request (verification included) and for the others with the start of their program;
`butai_cli_s` begins with the start of `butai deploy`. Terraform's `init` is done before. Calls up to RegisterTaskDefinition are
the verification, calls from there to UpdateService the deploy; what comes after only looks.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pytest import MonkeyPatch

from benchmarks.deploys_peers import AwsCli, EcsDeploy, TerraformApply
from benchmarks.relay import Call, Recorder
from support.cloud import running_cloud
from support.deploying import Stage, point_at
from support.localcloud_team import REGISTRY, wait_for

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
RESULTS = Path(__file__).parent / "results" / "deploys.json"
AIMS = {"ecs_deploy": 1 / 2, "terraform": 1 / 10, "calls": 6, "verification_calls": 12}
BRANCHES = ("one", "two")


def main() -> int:
    """Measure, print, and keep the figures."""
    with tempfile.TemporaryDirectory(prefix="butai-bench-") as folder:
        taken, calls = measure(Path(folder))
    medians = {f"{name}_s": round(statistics.median(each), 3) for name, each in taken.items()}
    own = medians["butai_s"]
    ratios = {
        "ecs_deploy": round(own / medians["ecs_deploy_s"], 3),
        "aws_cli": round(own / medians["aws_cli_s"], 3),
        "terraform": round(own / medians["terraform_s"], 3),
        "calls": max(len(each.deploy) for each in calls),
        "verification_calls": max(len(each.verification) for each in calls),
    }
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "rounds": ROUNDS,
        "medians": medians,
        "seconds": {name: [round(value, 3) for value in each] for name, each in taken.items()},
        "calls_of_a_deploy": dict(Counter(calls[-1].deploy)),
        "calls_of_its_verification": dict(Counter(calls[-1].verification)),
        "ratios": ratios,
        "aims": AIMS,
        "held": all(ratios[name] <= aim for name, aim in AIMS.items()),
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: result[name] for name in ("ratios", "aims", "held")}))
    return 0


class Calls:
    """What a deploy asked AWS."""

    def __init__(self, calls: list[Call]) -> None:
        names = [each.action for each in calls]
        first = names.index("RegisterTaskDefinition")
        last = len(names) - 1 - names[::-1].index("UpdateService")
        self.verification, self.deploy, self.looks = names[:first], names[first : last + 1], names[last + 1 :]
        self.ended = calls[last].answered


def measure(folder: Path) -> tuple[dict[str, list[float]], list[Calls]]:
    """Seconds of each, and what Butai asked."""
    taken: dict[str, list[float]] = {name: [] for name in ("butai", "butai_cli", "ecs_deploy", "aws_cli", "terraform")}
    calls: list[Calls] = []
    with stage_behind(folder) as (stage, recorder, aws), running(stage, aws) as butai:
        names = ("butai", "cli", "ecs", "aws")
        for name in names:
            stage.environment(name)
        images = [f"{REGISTRY}/web:{stage.commits[branch]}" for branch in BRANCHES]
        terraform = TerraformApply(folder / "tf", aws, stage.definition("butai"), images[0])
        turns: dict[str, tuple[str, Callable[[int], None]]] = {
            "butai": ("butai", lambda turn: butai.ask("butai", BRANCHES[turn])),
            "butai_cli": ("cli", lambda turn: butai.command("deploy", "cli", f"web={BRANCHES[turn]}", "--no-wait")),
            "ecs_deploy": ("ecs", lambda turn: EcsDeploy(aws).deploy("ecs", images[turn])),
            "aws_cli": ("aws", lambda turn: AwsCli(aws, folder).deploy("aws", images[turn])),
            "terraform": (terraform.NAME, lambda turn: terraform.apply(images[turn])),
        }
        for number in range(ROUNDS):
            for each, (service, deploy) in turns.items():
                recorder.forget()
                began = time.monotonic()
                deploy((number + 1) % 2)
                wait_for(lambda: "UpdateService" in [call.action for call in recorder.calls])
                found = Calls(recorder.calls)
                taken[each].append(found.ended - began)
                stage.team.wait_steady(service)
                if service in ("butai", "cli"):
                    wait_for(lambda service=service: not butai.busy(service))  # type: ignore[misc]
                calls += [found] if each == "butai" else []
                print(f"round {number + 1}: {each} {taken[each][-1]:.2f} s", file=sys.stderr)
    return taken, calls


@contextmanager
def stage_behind(folder: Path) -> Iterator[tuple[Stage, Recorder, Mapping[str, str]]]:
    """A stage, the relay, and the variables that lead past the relay to its cloud."""
    with running_cloud(folder, strict=False) as cloud, MonkeyPatch.context() as patch:
        point_at(cloud, patch)
        stage, recorder = Stage(cloud, folder), Recorder(cloud.endpoint)
        yield stage, recorder, {**cloud.env, "AWS_ENDPOINT_URL": recorder.url}
        recorder.close()
        stage.butai.database.close()


class Processes:
    """The server and a worker, started anew as a team would."""

    def __init__(self, stage: Stage, aws: Mapping[str, str]) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("BUTAI_", "AWS_"))}
        self.env = {**own, **aws, "BUTAI_DATA": str(stage.butai.settings.data)}
        self.stage, self.log = stage, stage.folder / "butai.log"
        self._all = [self._start("serve", "--port", "0"), self._start("worker")]
        wait_for(lambda: "worker ready" in self.log.read_text() and self._serves())
        secret = stage.butai.data.cli_secret()
        self._http = httpx.Client(base_url=self._address(), headers={"Authorization": f"Bearer {secret}"}, timeout=60)

    def _start(self, *argv: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            argv = (sys.executable, "-m", "butai", *argv)
            return subprocess.Popen(argv, env=self.env, stdout=log, stderr=log, start_new_session=True)

    def _address(self) -> str:
        return str(json.loads(self.stage.butai.data.server_file.read_text())["url"])

    def _serves(self) -> bool:
        return self.stage.butai.data.server_file.exists()

    def ask(self, name: str, branch: str) -> None:
        """A deploy over the API."""
        body = {"services": {"web": {"branch": branch}}}
        self._http.post(f"/api/v1/environments/{name}/deploys", json=body).raise_for_status()

    def command(self, *argv: str) -> None:
        """A command of the command line."""
        subprocess.run([sys.executable, "-m", "butai", *argv], env=self.env, check=True, capture_output=True)

    def busy(self, name: str) -> bool:
        """Whether a run of the environment goes on."""
        environment = self.stage.butai.environments.get(name)
        return any(each.settled_at is None for each in self.stage.butai.environments.runs_of(environment.id))

    def end(self) -> None:
        """End both."""
        self._http.close()
        for process in self._all:
            process.terminate()
        for process in self._all:
            process.wait(60)


@contextmanager
def running(stage: Stage, aws: Mapping[str, str]) -> Iterator[Processes]:
    """The server and a worker, ended afterwards."""
    found = Processes(stage, aws)
    try:
        yield found
    finally:
        found.end()


if __name__ == "__main__":
    sys.exit(main())
