"""The door before moto: who may come in, and that no answer is a 500 or a web page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

from butai.localcloud.server import Door, Gaps
from butai.localcloud.state import CloudState

REGION = "ap-northeast-1"


class Desk:
    """A door with another application in moto's place: moto cannot be made to fail at will."""

    def __init__(self, folder: Path, moto: Callable[..., Iterable[bytes]]) -> None:
        self.changes = 0
        self.gaps = Gaps(folder / "unanswered.jsonl")
        self.door = Door(CloudState(REGION), self.gaps, self._changed)
        self.door.moto = moto

    def _changed(self) -> None:
        self.changes += 1

    def ask(
        self, service: str, action: str, region: str = REGION, host: str = "127.0.0.1:5000", identity: str = ""
    ) -> TestResponse:
        """One request as the SDKs make it: JSON for ECS, a form for the others."""
        scope = f"AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host"
        headers = {"Authorization": scope, "Host": host, "Amz-Sdk-Invocation-Id": identity}
        if service == "ecs":
            headers["X-Amz-Target"] = f"AmazonEC2ContainerServiceV20141113.{action}"
            return Client(self.door).post("/", headers=headers, json={"cluster": "c"})
        return Client(self.door).post("/", headers=headers, data={"Action": action, "Version": "1"})

    def events(self) -> list[dict[str, Any]]:
        """What was recorded."""
        return [json.loads(line) for line in self.gaps.path.read_text().splitlines()]


def fine(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answers everything, with the body that it was given."""
    return Response(environ["wsgi.input"].read(), content_type="text/html")(environ, start_response)


def lacking(_environ: Any, _start_response: Any) -> Iterable[bytes]:
    """What moto does with an action that it does not have."""
    raise NotImplementedError("not implemented")


def broken(_environ: Any, _start_response: Any) -> Iterable[bytes]:
    """A mistake in moto or in a mend."""
    raise ZeroDivisionError("secret <detail>")


def answering(status: int, content_type: str) -> Callable[..., Iterable[bytes]]:
    """An application with one fixed answer."""
    return Response("<h1>oops</h1>", status, content_type=content_type)


def test_a_good_answer_passes_with_the_whole_body_given_on(tmp_path: Path) -> None:
    answer = Desk(tmp_path, fine).ask("ecs", "ListClusters")
    assert (answer.status_code, answer.get_json(force=True)) == (200, {"cluster": "c"})


def test_json_services_learn_of_a_missing_action_in_json(tmp_path: Path) -> None:
    desk = Desk(tmp_path, lacking)
    answer = desk.ask("ecs", "DoWonders")
    assert answer.status_code == 400
    assert answer.headers["x-amzn-ErrorType"] == "UnknownOperationException"
    assert answer.get_json(force=True)["__type"] == "UnknownOperationException"
    assert "ecs:DoWonders" in answer.get_json(force=True)["message"]
    assert [(event["service"], event["action"]) for event in desk.events()] == [("ecs", "DoWonders")]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("elasticache", "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>"),
        ("ec2", "<Response><Errors><Error><Code>InvalidAction</Code>"),
    ],
)
def test_xml_services_learn_of_it_in_their_own_xml(tmp_path: Path, service: str, expected: str) -> None:
    answer = Desk(tmp_path, lacking).ask(service, "DoWonders")
    assert answer.status_code == 400
    assert expected in answer.text


@pytest.mark.parametrize(
    "moto", [broken, answering(500, "text/xml"), answering(503, "application/json"), answering(404, "text/html")]
)
def test_a_failure_is_a_named_400_and_is_recorded(tmp_path: Path, moto: Callable[..., Iterable[bytes]]) -> None:
    desk = Desk(tmp_path, moto)
    answer = desk.ask("ecs", "CreateCluster")
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (400, "LocalCloudFailure")
    assert "secret" not in answer.text
    assert desk.gaps.count == len(desk.events()) == 1


def test_the_record_of_a_failure_holds_the_traceback(tmp_path: Path) -> None:
    desk = Desk(tmp_path, broken)
    desk.ask("ecs", "CreateCluster")
    assert "ZeroDivisionError: secret <detail>" in desk.events()[0]["detail"]
    assert desk.gaps.path.stat().st_mode & 0o777 == 0o600


def test_errors_of_aws_kind_pass_and_are_not_recorded(tmp_path: Path) -> None:
    desk = Desk(tmp_path, answering(400, "application/x-amz-json-1.1"))
    assert desk.ask("ecs", "CreateCluster").text == "<h1>oops</h1>"
    assert desk.events() == []


def test_a_service_that_is_not_there_is_a_gap(tmp_path: Path) -> None:
    desk = Desk(tmp_path, fine)
    answer = desk.ask("sqs", "CreateQueue")
    assert answer.status_code == 400
    assert "no service `sqs`" in answer.text
    assert desk.gaps.count == 1


def test_another_region_is_refused_but_not_for_global_services(tmp_path: Path) -> None:
    desk = Desk(tmp_path, fine)
    assert desk.ask("ecs", "ListClusters", region="us-east-1").status_code == 403
    assert REGION in desk.ask("ecs", "ListClusters", region="us-east-1").text
    assert desk.ask("iam", "GetRole", region="us-east-1").status_code == 200


def test_a_host_without_a_port_is_the_default_port(tmp_path: Path) -> None:
    assert Desk(tmp_path, fine).ask("ecs", "ListClusters", host="localhost").status_code == 200


@pytest.mark.parametrize("host", ["evil.example:5000", "evil.example", "127.0.0.1.evil.example:5000", "[::1]:5000"])
def test_other_host_names_are_refused(tmp_path: Path, host: str) -> None:
    assert Desk(tmp_path, fine).ask("ecs", "ListClusters", host=host).status_code == 403


def test_unsigned_requests_are_refused_even_to_moto_own_pages(tmp_path: Path) -> None:
    client = Client(Desk(tmp_path, fine).door)
    for path in ("/moto-api/reset", "/", "/latest/meta-data/iam"):
        assert client.post(path, headers={"Host": "127.0.0.1:1"}).status_code == 403


@pytest.mark.parametrize(
    ("action", "changes"), [("DescribeServices", 0), ("ListClusters", 0), ("CreateService", 1), ("DeregisterX", 1)]
)
def test_only_changing_actions_ask_for_a_snapshot(tmp_path: Path, action: str, changes: int) -> None:
    desk = Desk(tmp_path, fine)
    desk.ask("ecs", action)
    assert desk.changes == changes


def test_a_change_that_failed_half_way_asks_for_a_snapshot_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path, broken)
    desk.ask("ecs", "CreateService")
    assert desk.changes == 1


class Counter:
    """Answers with how often it was asked."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.asked = status, 0

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.asked += 1
        return Response(str(self.asked), self.status, content_type="text/xml")(environ, start_response)


def test_a_call_sent_again_gets_the_first_answer_and_is_not_done_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Counter())
    assert [desk.ask("ec2", "CreateVpc", identity="a").text for _ in range(3)] == ["1", "1", "1"]
    assert desk.ask("ec2", "CreateVpc", identity="b").text == "2"
    assert desk.ask("ec2", "DeleteVpc", identity="b").text == "3"


@pytest.mark.parametrize(
    ("action", "identity", "status"), [("CreateVpc", "", 200), ("DescribeVpcs", "a", 200), ("CreateVpc", "a", 400)]
)
def test_everything_else_is_asked_anew(tmp_path: Path, action: str, identity: str, status: int) -> None:
    desk = Desk(tmp_path, Counter(status))
    assert [desk.ask("ec2", action, identity=identity).text for _ in range(2)] == ["1", "2"]


def test_a_body_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    client = Client(Desk(tmp_path, fine).door)
    claimed = {"CONTENT_LENGTH": str(10**9)}
    assert client.post("/", headers={"Host": "127.0.0.1:1"}, environ_overrides=claimed).status_code == 413
