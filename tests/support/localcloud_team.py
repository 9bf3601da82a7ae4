"""A small team on the local cloud, made through boto3: repositories with real HTTP services, a load balancer, services."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from butai.loopback import free_port
from support.cloud import Cloud
from support.repository import WorkingTree

REGISTRY = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"

# Answers with what the test wants to see of its process; ends a request that is under way before it ends itself.
SERVER = """\
import json, os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "@VERSION@"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/die"):
            os._exit(7)
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.rpartition("=")[2]))
        if self.path.startswith("/stream"):
            return self.stream()
        status = 500 if self.path == "/health" and os.path.exists(os.environ.get("SICK", "/nonexistent")) else 200
        self.answer(status, {"version": VERSION, "path": self.path, "pid": os.getpid(), "env": dict(os.environ),
                             "headers": dict(self.headers.items())})

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length else self.chunks()
        self.answer(200, {"bytes": len(body), "sum": sum(body)})

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(1000):
            line = f"line {number}\\n".encode()
            try:
                self.wfile.write(f"{len(line):x}\\r\\n".encode() + line + b"\\r\\n")
            except OSError:
                print("reader has gone", flush=True)
                self.close_connection = True
                return
            time.sleep(0.1)

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(format % args, flush=True)


print(f"version {VERSION} starts", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class Team:
    """One cluster `main` and one load balancer with a listener on a free port, in a running cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.ecs, self.elb, self.ssm = (cloud.client(name) for name in ("ecs", "elbv2", "ssm"))
        self.port = free_port()
        self.ecs.create_cluster(clusterName="main")
        ec2 = cloud.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        made = self.elb.create_load_balancer(Name="main", Subnets=[subnet])
        self.balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        answer = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nobody here"}
        self.listener = self.add_listener(self.port, {"Type": "fixed-response", "FixedResponseConfig": answer})
        self._priority = 0

    def add_listener(self, port: int, action: Any) -> str:
        """A listener; its ARN."""
        made = self.elb.create_listener(
            LoadBalancerArn=self.balancer, Protocol="HTTP", Port=port, DefaultActions=[action]
        )
        arn: str = made["Listeners"][0]["ListenerArn"]
        return arn

    def repository(self, name: str) -> WorkingTree:
        """A git repository whose commits are images."""
        return WorkingTree(self.cloud.repositories / name)

    def group(self, name: str, **settings: Any) -> str:
        """A target group with a quick health check; its ARN."""
        given = {
            "HealthCheckPath": "/health",
            "HealthCheckIntervalSeconds": 5,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
            **settings,
        }
        made = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip", HealthCheckTimeoutSeconds=2, **given
        )
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        return arn

    def rule(self, group: str, host: str, path: str = "") -> str:
        """A rule for a host name, and a path if given; its ARN."""
        self._priority += 1
        conditions = [{"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}]
        if path:
            conditions.append({"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}})
        made = self.elb.create_rule(
            ListenerArn=self.listener,
            Priority=self._priority,
            Conditions=conditions,
            Actions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        arn: str = made["Rules"][0]["RuleArn"]
        return arn

    def definition(
        self, family: str, image: str, *, environment: Mapping[str, str] | None = None, **container: Any
    ) -> str:
        """Register a task definition with one container named like the family; its ARN."""
        pairs = [{"name": name, "value": value} for name, value in (environment or {}).items()]
        one = {"name": family, "image": f"{REGISTRY}/{image}", "memory": 128, "environment": pairs, **container}
        made = self.ecs.register_task_definition(family=family, containerDefinitions=[one])
        arn: str = made["taskDefinition"]["taskDefinitionArn"]
        return arn

    def service(self, name: str, definition: str, groups: Sequence[str] = (), count: int = 1, **more: Any) -> None:
        """Create a service."""
        family = definition.rpartition("/")[2].partition(":")[0]
        behind = [{"targetGroupArn": arn, "containerName": family, "containerPort": 80} for arn in groups]
        self.ecs.create_service(
            cluster="main",
            serviceName=name,
            taskDefinition=definition,
            desiredCount=count,
            loadBalancers=behind,
            launchType="FARGATE",
            **more,
        )

    def web(self, name: str, *, count: int = 1, version: str = "1", **container: Any) -> str:
        """A whole web service `name` under `name.localhost`, steady; its target group's ARN."""
        commit = self.repository(name).commit(server(version))
        group = self.group(name)
        self.rule(group, f"{name}.localhost")
        self.service(name, self.definition(name, f"{name}:{commit}", **container), [group], count)
        self.wait_steady(name)
        return group

    def wait_steady(self, *names: str) -> None:
        """Until boto3's own waiter is satisfied, and each service's roll-out is called completed."""
        waiter = self.ecs.get_waiter("services_stable")
        waiter.wait(cluster="main", services=list(names), WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        for name in names:
            wait_for(lambda name=name: self.described(name)["deployments"][0]["rolloutState"] == "COMPLETED")  # type: ignore[misc]

    def described(self, name: str) -> dict[str, Any]:
        """One service as DescribeServices tells it."""
        found: dict[str, Any] = self.ecs.describe_services(cluster="main", services=[name])["services"][0]
        return found

    def events(self, name: str) -> str:
        """All events of a service as one text, oldest first."""
        return "\n".join(event["message"] for event in reversed(self.described(name)["events"]))

    def tasks(self, name: str, status: str = "RUNNING") -> list[dict[str, Any]]:
        """Tasks of a service as DescribeTasks tells them."""
        arns = self.ecs.list_tasks(cluster="main", serviceName=name, desiredStatus=status)["taskArns"]
        found: list[dict[str, Any]] = self.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"] if arns else []
        return found

    def health(self, group: str) -> list[str]:
        """States of a target group's targets."""
        told = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return [one["TargetHealth"]["State"] for one in told]

    def get(self, host: str, path: str = "/", **more: Any) -> httpx.Response:
        """A request to the router, as a browser would send it for that host."""
        headers = {"Host": f"{host}.localhost:{self.port}", **more.pop("headers", {})}
        return httpx.request(
            more.pop("method", "GET"),
            f"http://127.0.0.1:{self.port}{path}",
            headers=headers,
            trust_env=False,
            verify=False,
            timeout=20,
            **more,
        )


def server(version: str) -> dict[str, str]:
    """Files of a web service."""
    return {"app.py": SERVER.replace("@VERSION@", version), "Procfile": "web: python app.py\n"}


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    """Until it is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)
