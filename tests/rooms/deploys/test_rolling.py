"""A roll-out that ended well stays so, whatever is asked afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from butai.deploys.model import RollOut, Stands
from butai.deploys.rolling import Rolling
from butai.deploys.task import Target
from butai.deploys.timing import Course

TARGET = Target("web", "aws_ecs_service.web", "main", "qa-1-web", "r/web:1")
GROUP = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:targetgroup/web/1"


class Away:
    """An AWS that nobody can reach."""

    def describe_target_groups(self, **_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://elb")


def test_advice_that_cannot_be_looked_up_is_given_without(capsys: pytest.CaptureFixture[str]) -> None:
    course = Course(began=0.0, imaged=0.0, set=1.0)
    course.saw(RollOut(Stands.GOES_ON, 1, 1, 0, 1), 2.0)
    course.saw(RollOut(Stands.COMPLETED, 1, 1, 0, 0), 90.0)
    clients: Any = lambda *_: Away()  # noqa: E731
    rolling = Rolling(clients, TARGET, {"containerDefinitions": []}, "arn", "d-1", datetime.now(UTC), course)
    rolling._service = {"loadBalancers": [{"targetGroupArn": GROUP}]}
    rolling.tell_times()
    told = capsys.readouterr().out
    assert "web: 90 s in all" in told and "the containers' own health checks" in told
