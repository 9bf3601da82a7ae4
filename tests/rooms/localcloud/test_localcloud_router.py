"""The router on moto's load balancers: shared ports, broken targets, ports that cannot be had."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
import httpx
import pytest
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from butai.localcloud import targets
from butai.localcloud.model import Health, TargetHealth
from butai.localcloud.router import Router
from butai.localcloud.routes import read_action, read_routes
from butai.localcloud.rules import Unsupported
from butai.localcloud.state import CloudState
from butai.loopback import free_port

REGION = "eu-west-1"
KEYS: Any = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Balancers:
    """Load balancers made through boto3, and target groups whose health the test decides."""

    def __init__(self, endpoint: str, vpc: str, subnet: str) -> None:
        self.state = CloudState(REGION)
        self.vpc, self.subnet = vpc, subnet
        self.elb: Any = boto3.client("elbv2", endpoint_url=endpoint, region_name=REGION, **KEYS)

    def listener(self, name: str, port: int, action: Any, protocol: str = "HTTP", **more: Any) -> str:
        """A load balancer of its own with one listener; the listener's ARN."""
        made = self.elb.create_load_balancer(Name=name, Subnets=[self.subnet])["LoadBalancers"][0]
        arn: str = self.elb.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"], Protocol=protocol, Port=port, DefaultActions=[action], **more
        )["Listeners"][0]["ListenerArn"]
        return arn

    def group(self, name: str, *ports: int) -> str:
        """A target group with these loopback ports, all healthy; its ARN."""
        made = self.elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip")
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        with self.state.lock:
            for port in ports:
                targets.write_health(self.model(arn), port, TargetHealth(Health.HEALTHY, None, None))
        return arn

    def model(self, arn: str) -> Any:
        return self.state.backend("elbv2").target_groups[arn]

    def rule(self, listener: str, priority: int, host: str, action: Any) -> None:
        conditions = [{"Field": "host-header", "Values": [host]}]
        self.elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=[action])


def forward(arn: str) -> dict[str, Any]:
    return {"Type": "forward", "TargetGroupArn": arn}


def fixed(status: int, body: str = "") -> dict[str, Any]:
    answer = {"StatusCode": str(status), "MessageBody": body, "ContentType": "text/plain"}
    return {"Type": "fixed-response", "FixedResponseConfig": answer}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """moto's own server; started once, since that takes its time."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def network(endpoint: str) -> tuple[str, str]:
    """A VPC and a subnet: made once, since moto's EC2 takes half a second to begin."""
    ec2: Any = boto3.client("ec2", endpoint_url=endpoint, region_name=REGION, **KEYS)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return vpc, ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]


@pytest.fixture
def balancers(endpoint: str, network: tuple[str, str]) -> Iterator[Balancers]:
    yield Balancers(endpoint, *network)
    get_backend("elbv2")["123456789012"][REGION].reset()


@pytest.fixture
def router(balancers: Balancers) -> Iterator[Router]:
    started = Router(balancers.state, idle_s=0.5)
    started.start()
    yield started
    started.stop()


@contextmanager
def target(answer: Callable[[socket.socket], None], asked: list[bytes] | None = None) -> Iterator[int]:
    """A server that does with each connection what the test says; its port. What it was asked goes to `asked`."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    request = connection.recv(65536)
                    if asked is not None:
                        asked.append(request)
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def get(port: int, host: str = "x.localhost", path: str = "/") -> httpx.Response:
    return httpx.get(
        f"http://127.0.0.1:{port}{path}", headers={"Host": host}, trust_env=False, verify=False, timeout=10
    )


def served(port: int) -> bool:
    try:
        get(port)
    except httpx.TransportError:
        return False
    return True


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def test_two_load_balancers_share_a_port_and_decide_together(balancers: Balancers, router: Router) -> None:
    port = free_port()
    first = balancers.listener("first", port, fixed(404, "nobody"))
    second = balancers.listener("second", port, fixed(404, "nobody"))
    balancers.rule(first, 10, "a.localhost", fixed(200, "a"))
    balancers.rule(second, 20, "b.localhost", fixed(200, "b"))
    balancers.rule(second, 5, "both.localhost", fixed(200, "early"))
    balancers.rule(first, 6, "both.localhost", fixed(200, "late"))
    wait_for(lambda: served(port) and get(port, "both.localhost").text == "early")
    assert [get(port, f"{name}.localhost").text for name in ("a", "b", "c")] == ["a", "b", "nobody"]


def test_an_answer_is_not_held_back(balancers: Balancers, router: Router) -> None:
    """Nagle's algorithm against delayed acknowledgements would cost 40 ms each."""
    port = free_port()
    balancers.listener("swift", port, fixed(200, "x"))
    wait_for(lambda: served(port))
    with httpx.Client(trust_env=False, verify=False) as client:
        times = []
        for _ in range(20):
            began = time.monotonic()
            client.get(f"http://127.0.0.1:{port}/")
            times.append(time.monotonic() - began)
    assert sorted(times)[10] < 0.03


def test_a_listener_that_goes_takes_its_port_along(balancers: Balancers, router: Router) -> None:
    port = free_port()
    arn = balancers.listener("passing", port, fixed(200))
    wait_for(lambda: served(port))
    balancers.elb.delete_listener(ListenerArn=arn)
    wait_for(lambda: not served(port))


def test_weights_share_requests_out(balancers: Balancers, router: Router) -> None:
    with target(lambda c: c.sendall(OK)) as one, target(lambda c: c.sendall(OK.replace(b"ok", b"go"))) as other:
        groups = [(balancers.group("one", one), 3), (balancers.group("other", other), 1)]
        several = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups]
        port = free_port()
        balancers.listener("weighted", port, {"Type": "forward", "ForwardConfig": {"TargetGroups": several}})
        wait_for(lambda: served(port))
        told = [get(port).text for _ in range(8)]
    assert (told.count("ok"), told.count("go")) == (6, 2)


def test_only_healthy_targets_get_requests(balancers: Balancers, router: Router) -> None:
    with target(lambda c: c.sendall(OK)) as one, target(lambda c: c.sendall(OK.replace(b"ok", b"go"))) as other:
        arn = balancers.group("pair", one, other)
        port = free_port()
        balancers.listener("pairs", port, forward(arn))
        wait_for(lambda: served(port))
        assert {get(port).text for _ in range(4)} == {"ok", "go"}
        targets.drain(balancers.model(arn), one)
        wait_for(lambda: {get(port).text for _ in range(4)} == {"go"})
        targets.write_health(balancers.model(arn), other, TargetHealth(Health.UNHEALTHY, "R", "D"))
        wait_for(lambda: get(port).status_code == 503)
        assert "Target group pair has no healthy target" in get(port).text


def test_a_page_shows_names_as_text(balancers: Balancers, router: Router) -> None:
    port = free_port()
    arn = balancers.group("empty")
    balancers.model(arn).name = "<script>alert(1)</script>"
    balancers.listener("quoted", port, forward(arn))
    wait_for(lambda: served(port))
    assert "<script>" not in get(port).text and "&lt;script&gt;" in get(port).text


def test_a_target_that_refuses_is_502_and_one_that_is_silent_504(balancers: Balancers, router: Router) -> None:
    silent, refusing = free_port(), free_port()
    balancers.listener("refusing", refusing, forward(balancers.group("refusing", free_port())))
    with target(lambda c: time.sleep(1.5)) as backend:
        balancers.listener("silent", silent, forward(balancers.group("silent", backend)))
        wait_for(lambda: served(refusing) and served(silent))
        assert (get(refusing).status_code, get(silent).status_code) == (502, 504)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_target_that_does_not_speak_http_is_502(balancers: Balancers, router: Router, answer: bytes) -> None:
    port = free_port()
    with target(lambda c: c.sendall(answer)) as backend:
        balancers.listener("rude", port, forward(balancers.group("rude", backend)))
        wait_for(lambda: served(port))
        assert get(port).status_code == 502


def test_an_answer_that_breaks_off_is_no_whole_answer(balancers: Balancers, router: Router) -> None:
    port = free_port()
    broken = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"
    with target(lambda c: c.sendall(broken)) as backend:
        balancers.listener("broken", port, forward(balancers.group("broken", backend)))
        wait_for(lambda: served_raw(port))
        with pytest.raises(httpx.RemoteProtocolError):
            get(port)


def served_raw(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", 304, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, b"abc"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 200, b""),
    ],
)
def test_all_kinds_of_bodies(balancers: Balancers, router: Router, answer: bytes, status: int, body: bytes) -> None:
    port = free_port()
    with target(lambda c: c.sendall(answer)) as backend:
        balancers.listener("kinds", port, forward(balancers.group("kinds", backend)))
        wait_for(lambda: served(port))
        told = get(port)
    assert (told.status_code, told.content) == (status, body)


def test_a_head_request_has_the_length_and_no_body(balancers: Balancers, router: Router) -> None:
    port = free_port()
    with target(lambda c: c.sendall(OK.removesuffix(b"ok"))) as backend:
        balancers.listener("heads", port, forward(balancers.group("heads", backend)))
        wait_for(lambda: served_raw(port))
        with httpx.Client(trust_env=False, verify=False) as client:
            for _ in range(2):
                told = client.head(f"http://127.0.0.1:{port}/")
                assert (told.status_code, told.headers["content-length"], told.content) == (200, "2", b"")


def test_cookies_of_one_client_are_not_anothers(balancers: Balancers, router: Router) -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    asked: list[bytes] = []
    port = free_port()
    with target(lambda connection: connection.sendall(answer), asked) as backend:
        balancers.listener("cookies", port, forward(balancers.group("cookies", backend)))
        wait_for(lambda: served(port))
        assert get(port).headers.get_list("set-cookie") == ["a=1", "b=2"]
        get(port)
    assert len(asked) >= 3
    assert b"cookie:" not in b"".join(asked).lower()


def test_a_port_in_use_is_told_once_and_taken_when_it_is_free(
    balancers: Balancers, router: Router, capfd: pytest.CaptureFixture[str]
) -> None:
    told = ""

    def heard(text: str) -> bool:
        nonlocal told
        told += capfd.readouterr().err
        return text in told

    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        port = holder.getsockname()[1]
        balancers.listener("blocked", port, fixed(200))
        wait_for(lambda: heard(f"port {port} of a listener is in use by another program"))
        time.sleep(2.5)
    wait_for(lambda: heard(f"port {port} is served now"))
    assert told.count("in use by another program") == 1
    assert served(port)


def test_an_https_listener_is_told_as_not_served(
    balancers: Balancers, router: Router, capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    balancers.listener("secure", port, fixed(200), protocol="HTTPS", Certificates=[])
    told = ""

    def heard() -> bool:
        nonlocal told
        told += capfd.readouterr().err
        return f"port {port}: HTTPS listeners are not served" in told

    wait_for(heard)
    assert not served(port)


def test_a_rule_with_conditions_that_are_not_evaluated_never_matches(balancers: Balancers) -> None:
    port = free_port()
    arn = balancers.listener("careful", port, fixed(404))
    balancers.elb.create_rule(
        ListenerArn=arn,
        Priority=1,
        Conditions=[{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}],
        Actions=[fixed(200)],
    )
    first, last = read_routes(balancers.state).rules[port]
    assert first.other_conditions == ("source-ip",) and not first.matches("a", "/")
    assert last.matches("a", "/")


def test_an_action_that_is_not_known_is_named() -> None:
    class Action:
        data = {"Type": "authenticate-oidc"}  # noqa: RUF012

    assert read_action([Action()]) == Unsupported("authenticate-oidc")


def test_described_targets(balancers: Balancers) -> None:
    group = balancers.model(balancers.group("told", 1001, 1002))
    targets.write_health(group, 1002, TargetHealth(Health.UNHEALTHY, "Target.Timeout", "Request timed out"))
    told = [(int(one.target["Port"]), one.status, one.reason) for one in targets.described(group, [])]
    assert told == [(1001, "healthy", None), (1002, "unhealthy", "Target.Timeout")]
    (one,) = targets.described(group, [{"Id": "127.0.0.1", "Port": 1002}])
    assert one.status == "unhealthy"
    assert len(targets.described(group, [{"Id": "127.0.0.1"}])) == 2
    (unknown,) = targets.described(group, [{"Id": "10.0.0.1", "Port": 80}])
    assert (unknown.status, unknown.reason) == ("unused", "Target.NotRegistered")
    assert targets.healthy_ports(group) == (1001,)
    targets.deregister(group, 1001)
    targets.deregister_all(group)
    assert targets.described(group, []) == []
