"""What exists in an account against all known states, through the API and the command line: moto, and states in all places."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from butai.assembly import Butai, assemble
from butai.cli import app
from butai.inventory import coverage_commands, told_commands
from butai.inventory.view import Colour, View
from butai.inventory.views import AddRequest
from butai.settings import Settings
from support.account import REGION
from support.in_process import Api, with_key
from support.moto_process import Moto, moto, moto_server
from support.repository import WorkingTree
from support.rows import add_environment, add_run
from support.tiny_team import TinyTeam
from support.way import Asked, Way

__all__ = ["moto", "moto_server"]

PORT = 8713
HOST = f"http://127.0.0.1:{PORT}"
API = "/api/v1/inventory/infra"
MAIN = """\
resource "aws_sqs_queue" "calls" {
  name = "calls"
}
resource "aws_sqs_queue" "letters" {
  name = "letters"
}
resource "aws_sqs_queue" "vanished" {
  name = "vanished"
}
"""
ELSEWHERE = 'resource "aws_sqs_queue" "other" {\n  name = "other"\n}\n'
LOOK_S = 60.0


@pytest.fixture(autouse=True)
def two_queues(moto: Moto) -> None:
    for name in ("calls", "letters"):
        moto.client("sqs").create_queue(QueueName=name)


@pytest.fixture
def infra(tmp_path: Path) -> WorkingTree:
    tree = WorkingTree(tmp_path / "infra")
    tree.commit({"live/main.tf": MAIN, "other/main.tf": ELSEWHERE})
    return tree


@pytest.fixture
def butai(moto: Moto, infra: WorkingTree, tmp_path: Path) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.inventory.add(AddRequest(repository=str(infra.path)))
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    return with_key(butai, PORT)


def look(client: TestClient, **body: Any) -> Any:
    answer = client.post(f"{API}/coverage", json=body)
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + LOOK_S
    found = answer.json()
    while found["looking"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        found = client.get(f"{API}/coverage").json()
    return found


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:123456789012:{name}"


def state(moto: Moto, *names: str) -> bytes:
    """A state that has these queues."""
    resources = [
        {
            "mode": "managed",
            "type": "aws_sqs_queue",
            "name": name,
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"attributes": {"id": f"{moto.endpoint}/123456789012/{name}", "arn": arn(name)}}],
        }
        for name in names
    ]
    document = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "resources": resources}
    return json.dumps(document).encode()


def with_login(butai: Butai, monkeypatch: pytest.MonkeyPatch, hosts: str) -> TestClient:
    """A server of the same data that has a password for these hosts."""
    monkeypatch.setenv("TF_HTTP_USERNAME", "mika")
    monkeypatch.setenv("TF_HTTP_PASSWORD", "hunter2")
    return with_key(assemble(Settings(data=butai.data.path, http_state_hosts=hosts)), PORT)


def unmanaged(found: Any, kind: str = "aws_sqs_queue") -> list[str]:
    return [each["name"] for each in found["unmanaged"] if each["kind"] == kind]


def queues(found: Any) -> Any:
    return next(each for each in found["by_kind"] if each["name"] == "aws_sqs_queue")


def test_what_no_state_holds_is_listed_until_one_is_told_of_and_import_blocks_come(
    butai: Butai, client: TestClient, moto: Moto, tmp_path: Path
) -> None:
    empty = client.get(f"{API}/coverage").json()
    assert (empty["at"], empty["looking"], empty["total"]["percent"]) == (None, False, None)
    first = look(client)
    assert (first["accounts"], first["regions"], first["gaps"]) == (["123456789012"], [REGION], [])
    assert unmanaged(first) == ["calls", "letters"] and first["by_aws"] > 0
    assert {each["cost_month"] for each in first["unmanaged"]} == {None}

    file = tmp_path / "live.tfstate"
    file.write_bytes(state(moto, "calls", "vanished"))
    [told] = client.post(f"{API}/states", json={"place": str(file)}).json()
    assert (told["place"], told["root"], told["instances"]) == (str(file), "live", 2)
    assert client.post(f"{API}/states", json={"place": str(file)}).status_code == 409
    found = look(client)
    assert unmanaged(found) == ["letters"]
    assert queues(found) == {"name": "aws_sqs_queue", "managed": 1, "unmanaged": 1, "percent": 50}
    assert [each["address"] for each in found["gone"]] == ["aws_sqs_queue.vanished"]
    assert found["states"] == [{"name": str(file), "own": False, "instances": 2, "problem": "", "why": "", "next": ""}]

    written = client.post(f"{API}/imports", json={"arns": [arn("letters")]}).json()
    assert written["left"] == [] and [each["to"] for each in written["blocks"]] == ["aws_sqs_queue.letters_2"], (
        "an address of the code's is not taken"
    )
    assert "to = aws_sqs_queue.letters_2\n" in written["hcl"]
    refused = client.post(f"{API}/imports", json={"arns": [arn("calls")]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not-unmanaged")
    evil = {"arns": [arn("letters")], "providers": {REGION: "aws.x\n}"}}
    assert client.post(f"{API}/imports", json=evil).status_code == 422

    figures = butai.inventory.map("infra", View(colour=Colour.COVERAGE)).figures
    assert {name.rpartition(".")[2]: each for name, each in figures.items()} == {
        "calls": 100,
        "letters": 0,
        "vanished": 100,
    }, "nothing is known of `other`"

    again = with_key(assemble(Settings(data=tmp_path / "data")), PORT)
    assert again.get(f"{API}/coverage").json() == client.get(f"{API}/coverage").json()
    assert again.delete(f"{API}/states", params={"place": str(file)}).json() == []
    assert client.delete(API).status_code == 204
    client.post("/api/v1/inventory", json={"repository": str(tmp_path / "infra")})
    assert client.get(f"{API}/coverage").json()["at"] is None, "another repository of that name has none of it"


def test_states_lie_in_buckets_and_behind_http_and_one_that_cannot_be_read_is_told(
    butai: Butai, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto.client("s3").create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
    moto.client("s3").put_object(Bucket="states", Key="live/a.tfstate", Body=state(moto, "calls"))
    with Served(state(moto, "letters")) as served:
        client = with_login(butai, monkeypatch, f"states.example.com, {served.host}")
        for place in (
            "s3://states/live/a.tfstate",
            f"{served.url}/state",
            "s3://none/x",
            f"{served.url}/moved",
            "/etc/hosts",
        ):
            assert client.post(f"{API}/states", json={"place": place}).status_code == 201
        found = look(client)
    assert queues(found)["percent"] == 100
    problems = {each["name"]: each["problem"] for each in found["states"]}
    assert problems.pop("s3://states/live/a.tfstate") == problems.pop(f"{served.url}/state") == ""
    assert all(problems.values()) and len(problems) == 3
    assert "hunter2" not in json.dumps(found) and set(served.asked) == {"/state", "/moved"}, (
        "a redirect is not followed"
    )


def test_a_server_that_no_setting_names_is_told_no_password_and_it_is_said_which_setting(
    butai: Butai, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Served(state(moto, "letters")) as served:
        client = with_login(butai, monkeypatch, "states.example.com")
        place = f"{served.url}/state"
        client.post(f"{API}/states", json={"place": place})
        [told] = [each for each in look(client)["states"] if not each["own"]]
        assert set(served.logins) == {None} and told["instances"] == 0
        assert f"BUTAI_HTTP_STATE_HOSTS={served.host}" in told["next"] and "hunter2" not in json.dumps(told)
        assert f"BUTAI_HTTP_STATE_HOSTS={served.host}" in client.get("/inventory/infra/coverage").text


@pytest.mark.parametrize(
    "place", ["https://mika:hunter2@states/x", "https://states/x?token=hunter2", "hunter2", "s3://B/k", "https://", ""]
)
def test_what_may_hold_a_secret_or_is_no_place_is_refused(client: TestClient, place: str) -> None:
    answer = client.post(f"{API}/states", json={"place": place})
    assert answer.status_code == 422 and "hunter2" not in answer.text
    assert client.get(f"{API}/states").json() == []


def test_what_may_not_be_listed_is_a_gap_and_a_failed_look_leaves_the_last_result(
    client: TestClient, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing(moto.endpoint, "ListQueues")
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing.url)
    found = look(client)
    [gap] = found["gaps"]
    assert (gap["kind"], gap["denied"], gap["region"]) == ("aws_sqs_queue", True, REGION)
    assert unmanaged(found) == [] and found["failure"] is None
    refusing.refused = "GetCallerIdentity"
    failed = look(client)
    refusing.close()
    assert failed["failure"]["what"] == "What exists in AWS cannot be listed."
    assert (failed["at"], failed["unmanaged"]) == (found["at"], found["unmanaged"])
    assert client.post(f"{API}/coverage", json={"regions": ["evil.example"]}).status_code == 422


def test_an_environments_state_is_known_by_itself_and_the_blueprint_says_where_to_look(
    butai: Butai, client: TestClient, moto: Moto, tmp_path: Path
) -> None:
    team = TinyTeam(tmp_path / "team")
    team.infra.commit({"staging/queue.tf": MAIN})
    client.delete(API)
    butai.blueprints.add(str(team.infra.path), root="staging")
    environment = add_environment(butai.database, "qa-1", blueprint="tiny")
    run = add_run(butai.database, environment, params={"ref": "", "commit": "", "services": {}, "variables": {}})
    moto.client("sqs", region="us-east-1").create_queue(QueueName="calls")
    butai.states.write(environment, run, state(moto, "calls").replace(REGION.encode(), b"us-east-1"), lock_id="")
    found = look(client)
    assert found["regions"] == ["us-east-1"] and queues(found)["percent"] == 100
    assert [(each["name"], each["own"], each["instances"]) for each in found["states"]] == [("tiny/qa-1", True, 1)]
    figures = butai.inventory.map("infra", View(colour=Colour.COVERAGE)).figures
    assert (figures["staging:aws_sqs_queue.calls"], figures["staging:aws_sqs_queue.letters"]) == (100, 0)


def test_the_command_line_looks_writes_blocks_and_mends(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for commands in (coverage_commands, told_commands):
        monkeypatch.setattr(commands, "api", lambda: Connected(client))

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["inventory", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    assert "Nobody has looked yet" in run("coverage", "infra", "--last")
    shown = run("coverage", "infra")
    assert "0 % of 2 things" in shown and arn("letters") in shown
    assert json.loads(run("coverage", "infra", "--last", "--json"))["total"]["unmanaged"] == 2
    blocks = tmp_path / "imports.tf"
    run("import", "infra", arn("letters"), "--out", str(blocks), "--provider", f"{REGION}=aws.tokyo")
    assert "provider = aws.tokyo" in blocks.read_text()
    run("import", "infra", arn("letters"), "--out", str(blocks), code=1)
    assert "/x/y" in run("states", "infra", "--add", "/x/y") and "/x/y" not in run(
        "states", "infra", "--remove", "/x/y"
    )

    generated = tmp_path / "generated.tf"
    generated.write_text(
        '# __generated__ by Terraform\nresource "aws_sqs_queue" "a" {\n  name = "a"\n  policy = null\n}\n'
    )
    run("mend", str(generated))
    assert generated.read_text() == 'resource "aws_sqs_queue" "a" {\n  name = "a"\n}\n'
    run("mend", str(generated), code=1)
    assert generated.read_text().startswith("resource"), "what was not generated stays as it is"


class Connected(Api):
    """What is taken away answers with what is left."""

    def delete(self, path: str, **params: Any) -> Any:
        return self._http.delete(path, params=params).json()


class Refusing(Way):
    """Answers one call as AWS does to who may not make it."""

    def __init__(self, target: str, refused: str) -> None:
        self.refused = refused
        super().__init__(target)

    def instead(self, asked: Asked) -> httpx.Response | None:
        if self.refused not in asked.target and self.refused not in asked.body.decode(errors="replace"):
            return None
        words = f"not authorized: {self.refused}"
        if asked.target:
            return httpx.Response(400, json={"__type": "AccessDeniedException", "message": words})
        error = f"<Error><Code>AccessDenied</Code><Message>{words}</Message></Error>"
        return httpx.Response(403, text=f"<ErrorResponse>{error}</ErrorResponse>")


class Served:
    """A server of one state, for who has its password."""

    def __init__(self, content: bytes) -> None:
        self.asked: list[str] = []
        self.logins: list[str | None] = []
        asked, logins = self.asked, self.logins

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                logins.append(self.headers["Authorization"])
                if self.headers["Authorization"] != f"Basic {b64encode(b'mika:hunter2').decode()}":
                    self.send_error(401)
                elif self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/elsewhere")
                    self.end_headers()
                else:
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Keep silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    def __enter__(self) -> Served:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
