"""An adopted environment is handed over: real Terraform on the state that somebody else's Terraform wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from butai.assembly import Butai, assemble
from butai.environments.adoption import AdoptRequest, TakeOverRequest
from butai.environments.service import DestroyRequest, UpdateRequest
from butai.errors import ButaiError
from butai.runs import workers
from butai.runs.model import RunEnd, RunKind
from butai.settings import Settings
from support.bucket import carry, create
from support.carrying import now
from support.rows import WORKER
from support.tiny_team import YAML, TinyTeam

STATE = "state: {s3: {bucket: team-states, key_prefix: butai, use_path_style: true, use_lockfile: true}}\nready: {timeout_s: 1}\n"
OLD = "old/staging.tfstate"


@pytest.fixture
def butai(s3: Any, tmp_path: Path) -> Iterator[Butai]:
    """A team whose staging was made outside: its state is one that real Terraform wrote, under a key of its own."""
    team = TinyTeam(tmp_path / "team", yaml=YAML + STATE)
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.blueprints.add(str(team.infra.path))
    with butai.database.session() as session:
        workers.register(session, WORKER, slots=1, labels={}, now=now())
    assert carry(butai, create(butai, "model")).end is RunEnd.SUCCEEDED
    document = json.loads(s3.get_object(Bucket="team-states", Key="butai/model.tfstate")["Body"].read())
    s3.put_object(Bucket="team-states", Key=OLD, Body=json.dumps({**document, "lineage": "of-the-team"}).encode())
    runs_somewhere(team)
    yield butai
    butai.database.close()


def runs_somewhere(team: TinyTeam) -> None:
    """An ECS service with the branch `main` of the team's service."""
    ecs: Any = boto3.client("ecs", region_name="us-east-1")
    ecs.create_cluster(clusterName="main")
    image = f"registry.example/web:{team.web.git('rev-parse', 'main').strip()}"
    made = ecs.register_task_definition(
        family="web", containerDefinitions=[{"name": "web", "image": image, "memory": 64}]
    )
    arn = made["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(cluster="main", serviceName="web", taskDefinition=arn, desiredCount=0)


def adopted(butai: Butai) -> int:
    request = AdoptRequest(name="staging", state=f"s3://team-states/{OLD}", cluster="main", use_lockfile=True)
    started = butai.adoption.adopt(request, by="aya")
    assert carry(butai, started.run).end is RunEnd.SUCCEEDED
    return started.environment.id


def test_it_is_planned_and_then_changed_and_destroyed_like_any_other(butai: Butai, s3: Any) -> None:
    environment = adopted(butai)
    before = s3.get_object(Bucket="team-states", Key=OLD)["ETag"]
    request = TakeOverRequest(confirm="staging", leases={"port": "3", "number": "050-3"}, variables={"sleep_s": "0"})
    started = butai.adoption.take_over("staging", request, by="aya")
    assert started.run.kind is RunKind.DRIFT_CHECK
    checked = carry(butai, started.run)
    assert (checked.end, checked.error) == (RunEnd.SUCCEEDED, None)
    assert s3.get_object(Bucket="team-states", Key=OLD)["ETag"] == before, "so far it was only planned"
    shown = butai.environments.by_id(environment)
    assert shown.adopted is None and shown.drift is not None and shown.drift.count
    assert shown.leases == {"port": "3", "number": "050-3", "subdomain": "staging.example.localhost"}
    assert shown.engine.startswith("terraform ")

    updated = carry(butai, butai.environments.update("staging", UpdateRequest(), by="ken").run)
    assert (updated.end, updated.error) == (RunEnd.SUCCEEDED, None)
    assert s3.get_object(Bucket="team-states", Key=OLD)["ETag"] != before
    assert carry(butai, butai.environments.check("staging", by="ken").run).end is RunEnd.SUCCEEDED
    drift = butai.environments.get("staging").drift
    assert drift is not None and drift.count == 0
    gone = butai.environments.destroy("staging", DestroyRequest(confirm="staging"), by="aya")
    assert carry(butai, gone.run).end is RunEnd.SUCCEEDED
    assert butai.environments.by_id(environment).destroyed_at is not None


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"leases": {"prot": "3"}}, "unknown-pool"),
        ({"leases": {"port": "1"}}, "lease-taken"),
        ({"variables": {"sleeps": "1"}}, "unknown-variable"),
        ({"ref": "no-such-branch"}, ""),
    ],
)
def test_what_is_said_wrongly_leaves_it_adopted(butai: Butai, given: dict[str, Any], code: str) -> None:
    environment = adopted(butai)
    with pytest.raises(ButaiError) as error:
        butai.adoption.take_over("staging", TakeOverRequest(confirm="staging", **given), by="aya")
    assert not code or error.value.code == code, error.value
    shown = butai.environments.by_id(environment)
    assert shown.adopted is not None and shown.leases == {}
    assert [each.kind for each in butai.runs.of_environment(environment)] == [RunKind.LOOK]
