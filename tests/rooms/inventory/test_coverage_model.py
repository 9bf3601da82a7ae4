"""Which accounts are looked at, and what several looks at one are together."""

from __future__ import annotations

import pytest

from butai.aws.existing import Existing, Gap, Survey
from butai.aws.session import Access
from butai.inventory.coverage_model import by_account, figures, looks
from butai.inventory.model import Graph
from support.written import graph_of

pytestmark = pytest.mark.model

TOKYO, OSAKA = "ap-northeast-1", "ap-northeast-3"
QUEUE = 'resource "aws_sqs_queue" "{name}" {{}}\n'


def test_each_role_is_looked_at_once_with_all_its_regions() -> None:
    one, other = Access(TOKYO, role="r"), Access(OSAKA, role="r")
    plain = Access(OSAKA)
    assert looks([one, other, plain, one]) == [(one, (TOKYO, OSAKA)), (plain, (OSAKA,))]
    assert looks([one, other], ["us-east-1"]) == [(Access("us-east-1", role="r"), ("us-east-1",))]


def test_two_looks_at_one_account_count_a_thing_once_and_what_one_may_list_is_no_gap() -> None:
    thing = Existing("1", TOKYO, "aws_lb", "id", "arn:aws:lb", "web")
    refused, failed = Gap("1", TOKYO, "aws_lb", "AccessDenied", ""), Gap("1", TOKYO, "aws_vpc", "Throttling", "")
    one = Survey("1", (thing,), (failed,), frozenset({("aws_lb", TOKYO)}))
    other = Survey("1", (), (refused, failed), frozenset())
    elsewhere = Survey("2", (), (), frozenset())
    [whole, second] = by_account([other, one, elsewhere])
    assert (whole.items, whole.gaps, whole.listed) == ((thing,), (failed,), one.listed)
    assert second is elsewhere


def two_roots(backend: str = "") -> Graph:
    code = QUEUE.format(name="a") + QUEUE.format(name="b")
    return graph_of({"live/main.tf": code + backend, "test/main.tf": code, "other/main.tf": QUEUE.format(name="c")})


def test_a_resource_is_held_or_not_and_nothing_is_said_without_a_state_of_its_root() -> None:
    assert figures(two_roots(), {"live": {"aws_sqs_queue.a"}}) == {
        "live:aws_sqs_queue.a": 100,
        "live:aws_sqs_queue.b": 0,
    }
