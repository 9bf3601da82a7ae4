"""What git and states tell of a repository, through the API and on its pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.environments.store import Environment
from butai.settings import Settings
from support.in_process import with_key
from support.repository import WorkingTree
from support.rows import NOW, add_environment, add_run
from support.tiny_team import TinyTeam

PORT = 8713
HOST = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def butai(tmp_path: Path) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    team = TinyTeam(tmp_path / "team")
    butai.blueprints.add(str(team.infra.path), root="staging", name="tiny")
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    return with_key(butai, PORT)


def live(butai: Butai) -> int:
    """An environment whose state has one thing that is in code and one that is not, and whose drift check found both."""
    shown = butai.blueprints.get("tiny")
    number = add_environment(butai.database, "qa-1", blueprint="tiny", commit=shown.commit)
    run = add_run(butai.database, number, params={"commit": shown.commit})
    resources = [resource("terraform_data", "image", "img-1"), resource("terraform_data", "gone", "old-1")]
    document = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}}
    butai.states.write(number, run, json.dumps({**document, "resources": resources}).encode(), lock_id="")
    with butai.database.session() as session:
        row = session.get_one(Environment, number)
        row.drift = {"run": run, "at": NOW.isoformat(), "count": 1, "items": [drifted("terraform_data.image")]}
    return number


def resource(kind: str, name: str, id_: str) -> dict[str, Any]:
    instance = {"attributes": {"id": id_}}
    provider = 'provider["terraform.io/builtin/terraform"]'
    return {"mode": "managed", "type": kind, "name": name, "provider": provider, "instances": [instance]}


def drifted(address: str) -> dict[str, Any]:
    return {"address": address, "action": "update", "outside": "update"}


def test_states_and_drift_of_environments_stand_beside_the_code(butai: Butai, client: TestClient) -> None:
    live(butai)
    [found] = client.get("/api/v1/inventory/infra/environments").json()
    assert (found["environment"], found["root"], found["instances"]) == ("qa-1", "staging", 2)
    assert [each["address"] for each in found["undeclared"]] == ["terraform_data.gone"]
    assert "terraform_data.slow" in found["missing"] + found["perhaps_missing"]
    [drift] = found["drift"]
    assert (drift["node"], drift["outside"]) == ("staging:terraform_data.image", "update")
    asked = client.get("/api/v1/inventory/infra/environments/node", params={"id": "staging:terraform_data.image"})
    [node] = asked.json()
    assert [each["id"] for each in node["instances"]] == ["img-1"] and node["drift"] == [drift]


def test_pages_show_both(butai: Butai, client: TestClient) -> None:
    live(butai)
    page = client.get("/inventory/infra/environments").text
    assert "terraform_data.gone" in page and "changed outside; an update would change it" in page
    panel = client.get("/inventory/infra/map", params={"node": "staging:terraform_data.image"}).text
    assert "img-1" in panel and "changed outside" in panel
    butai.pasts.of("infra", wait=True)
    panel = client.get("/inventory/infra/map", params={"node": "staging:terraform_data.image"}).text
    assert "Who to ask" in panel


def document(*resources: dict[str, Any]) -> bytes:
    known = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}}
    return json.dumps({**known, "resources": resources}).encode()


def queue(name: str) -> dict[str, Any]:
    arn = f"arn:aws:sqs:eu-west-1:123456789012:{name}"
    return {
        **resource("aws_sqs_queue", name, f"https://sqs/{name}"),
        "instances": [{"attributes": {"id": name, "arn": arn}}],
    }


LIVE = """\
terraform {
  backend "s3" {
    bucket = "states"
    key    = "live"
  }
}
resource "aws_sqs_queue" "calls" {}
resource "aws_sqs_queue" "letters" {}
variable "kind" { type = string }
"""


def test_a_state_that_somebody_told_of_stands_beside_the_code_as_an_environments_does(
    butai: Butai, client: TestClient, tmp_path: Path
) -> None:
    live(butai)
    team = WorkingTree(tmp_path / "team" / "infra")
    team.commit({"live/main.tf": LIVE, "live/prod.tfvars": 'kind = "x"\n'})
    butai.blueprints.fetch_all(0)
    file = tmp_path / "live.tfstate"
    file.write_bytes(document(queue("calls"), queue("by-hand")))
    path = "/api/v1/inventory/infra/states"
    [told] = client.post(path, json={"place": str(file), "root": "./live/", "var_files": ["prod.tfvars"]}).json()
    assert (told["root"], told["instances"], told["problem"], told["var_files"]) == ("live", 2, "", ["prod.tfvars"])

    qa, prod = client.get("/api/v1/inventory/infra/environments").json()
    assert (qa["environment"], qa["place"], prod["environment"], prod["place"]) == ("qa-1", "", "", str(file))
    assert set(qa) == set(prod), "one kind of thing"
    assert (prod["root"], prod["missing"]) == ("live", ["aws_sqs_queue.letters"])
    assert [(each["address"], each["id"], each["region"], each["account"]) for each in prod["undeclared"]] == [
        ("aws_sqs_queue.by-hand", "by-hand", "eu-west-1", "123456789012")
    ]
    assert (prod["regions"], prod["accounts"]) == (["eu-west-1"], ["123456789012"])
    [node] = client.get("/api/v1/inventory/infra/environments/node", params={"id": "live:aws_sqs_queue.calls"}).json()
    assert node["place"] == str(file) and [each["id"] for each in node["instances"]] == ["calls"]
    page = client.get("/inventory/infra/environments").text
    assert str(file) in page and "aws_sqs_queue.by-hand" in page and "qa-1" in page
    assert str(file) in client.get("/inventory/infra/map", params={"node": "live:aws_sqs_queue.calls"}).text

    file.write_bytes(document(queue("calls"), queue("letters")))
    [read] = client.post(f"{path}/read").json()
    _, prod = client.get("/api/v1/inventory/infra/environments").json()
    assert prod["missing"] == prod["undeclared"] == [] and read["read_at"] >= told["read_at"]
    file.unlink()
    client.post(f"{path}/read")
    _, prod = client.get("/api/v1/inventory/infra/environments").json()
    assert "no state" in prod["failure"] and prod["instances"] == 2, "as it was read last"
    assert client.delete(path, params={"place": str(file)}).json() == []


def test_whose_state_it_is_follows_from_the_code_and_what_cannot_be_is_refused(
    butai: Butai, client: TestClient, tmp_path: Path
) -> None:
    team = WorkingTree(tmp_path / "team" / "infra")
    team.commit({"live/main.tf": LIVE})
    butai.blueprints.fetch_all(0)
    path = "/api/v1/inventory/infra/states"
    for body, code in (
        ({"place": "/x", "root": "lvie"}, "no-such-root"),
        ({"root": "staging"}, "no-place"),
        ({}, "no-place"),
        ({"place": "/x", "root": "live", "var_files": ["../../x"]}, "bad-var-file"),
        ({"place": "/x", "root": "live", "var_files": ["/etc/passwd"]}, "bad-var-file"),
        ({"place": "/x", "profile": "p", "role": "r"}, "wrong-use"),
        ({"place": "/x", "root": "live", "secrets": {"kind": "the-word-itself"}}, "bad-secret"),
        ({"place": "/x", "root": "live", "secrets": {"knid": "env:KIND"}}, "unknown-variable"),
    ):
        refused = client.post(path, json=body)
        assert (refused.status_code in (404, 422), refused.json()["error"]["code"]) == (True, code), body
        assert "the-word-itself" not in refused.text
    assert client.post(path, json={"place": "/x", "root": "live", "var_files": ["none.tfvars"]}).status_code >= 400
    assert client.get(path).json() == []

    form = {"place": "/x", "root": "live", "secrets": "kind=env:KIND knid=ssm:/kind"}
    again = client.post("/inventory/infra/environments/states", data=form).text
    assert form["secrets"] in again and "Did you mean <code>kind</code>" in again

    elsewhere = tmp_path / "unknown.tfstate"
    elsewhere.write_bytes(document(queue("nobodys")))
    [told] = client.post(path, json={"place": str(elsewhere)}).json()
    assert told["root"] == ""
    [shown] = client.get("/api/v1/inventory/infra/environments").json()
    assert (shown["root"], shown["instances"], shown["missing"]) == ("", 1, [])
    assert "It is not known whose state this is" in client.get("/inventory/infra/environments").text
    client.post(path, json={"place": str(elsewhere), "region": "eu-west-1"})
    [told] = client.post(path, json={"place": str(elsewhere), "root": "live"}).json()
    assert (told["root"], told["region"]) == ("live", "eu-west-1"), "one that is known may be told more of"
    assert client.post(path, json={"place": str(elsewhere)}).status_code == 409
    answer = client.post(
        "/inventory/infra/environments/states", data={"token": token(client), "root": "nothing", "place": "/kept"}
    )
    assert answer.status_code == 404 and "/kept" in answer.text, "what was typed stays"


def token(client: TestClient) -> str:
    page: str = client.get("/inventory/infra/environments").text
    return page.partition('name="token" value="')[2].partition('"')[0]


def test_git_tells_who_knows_what_and_keeps_it(butai: Butai, client: TestClient) -> None:
    assert client.get("/api/v1/inventory/infra/past").json()["commit"]
    found = client.get("/api/v1/inventory/infra/past", params={"wait": True}).json()
    assert not found["reading"] and found["whole"]["changes"] >= 1
    assert sum(each["commits"] for each in found["weeks"]) >= 1
    assert [each["id"] for each in found["folders"]] == ["staging"]
    node = client.get("/api/v1/inventory/infra/past/node", params={"id": "staging:terraform_data.image"}).json()
    assert node["changes"] >= 1 and node["people"]
    page = client.get("/inventory/infra/past").text
    assert node["people"][0]["name"] in page
    assert re.search(
        r'<svg class="weeks".*?Commits by week: \d+ in \d+ weeks.*?<rect class="meant"[^>]* height="60.0"/>', page
    )
    assert list(butai.data.history.glob("*.json")), "the next commit's history is read from here on"


def test_what_is_unknown_is_said(client: TestClient) -> None:
    assert client.get("/api/v1/inventory/nothing/past").status_code == 404
    assert client.get("/api/v1/inventory/infra/environments").json() == []
    assert "nobody told where a state of its roots lies" in client.get("/inventory/infra/environments").text
    for of in ("past", "environments"):
        refused = client.get(f"/api/v1/inventory/infra/{of}/node", params={"id": "staging:terraform_data.imag"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "no-such-node")
    known = {"id": "staging:terraform_data.image"}
    assert client.get("/api/v1/inventory/infra/environments/node", params=known).json() == []
    assert client.get("/api/v1/inventory/infra/past/node", params={**known, "wait": True}).json()["changes"] >= 1
