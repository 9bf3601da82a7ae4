"""The comparison of what two clouds hold: what AWS makes up is no difference, everything else is one, and is named."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.comparing import Names, differences

Documents = dict[str, Any]


class Cloud:
    """A network with two subnets and a table each, whose ids come from `source`."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self.vpc, self.endpoint = self.id("vpc"), f"127.0.0.1:{source.randint(32768, 60999)}"
        self.subnets, self.tables = ([self.id(kind), self.id(kind)] for kind in ("subnet", "rtb"))

    def id(self, kind: str) -> str:
        return f"{kind}-{self._source.getrandbits(68):017x}"

    def documents(self) -> Documents:
        """Its state, what it holds, and what was said while it was made."""
        told = [f"aws_subnet.this[{number}]: Creation complete [id={each}]" for number, each in enumerate(self.subnets)]
        self._source.shuffle(told)
        return {"state": self._state(), "cloud": self._holds(), "said": "\n".join(told)}

    def _state(self) -> Any:
        listed = [*self.subnets]
        self._source.shuffle(listed)
        associations = [
            {
                "index_key": number,
                "attributes": {"id": self.id("rtbassoc"), "subnet_id": subnet, "route_table_id": table},
            }
            for number, (subnet, table) in enumerate(zip(self.subnets, self.tables, strict=True))
        ]
        return {
            "version": 4,
            "resources": [
                resource("aws_subnets", {"attributes": {"ids": listed}}, mode="data"),
                resource("aws_vpc", {"attributes": {"id": self.vpc, "arn": f"arn:aws:ec2:::vpc/{self.vpc}"}}),
                resource(
                    "aws_subnet",
                    *(
                        {"index_key": number, "attributes": {"id": each, "vpc_id": self.vpc, "zones": ["a", "c"]}}
                        for number, each in enumerate(self.subnets)
                    ),
                ),
                resource("aws_route_table_association", *associations),
            ],
        }

    def _holds(self) -> Any:
        pairs = [
            {"At": self._moment(), "RouteTableId": t, "SubnetId": s, "Tags": self._tags()}
            for s, t in zip(self.subnets, self.tables, strict=True)
        ]
        self._source.shuffle(pairs)
        return {"made at": self._moment(), "url": f"http://{self.endpoint}/queue", "associations": pairs}

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._source.randint(0, 2**31), UTC)

    def _tags(self) -> list[dict[str, str]]:
        tags = [{"Key": "Name", "Value": "equal"}, {"Key": "Team", "Value": "web"}]
        self._source.shuffle(tags)
        return tags


def resource(kind: str, *instances: Any, mode: str = "managed") -> Any:
    return {"mode": mode, "type": kind, "name": "this", "provider": "aws", "instances": list(instances)}


def told(documents: Documents) -> Any:
    names = Names()
    return {
        "state": names.state(documents["state"]),
        "cloud": names.told(documents["cloud"], "cloud", unordered=True),
        "said": names.words(documents["said"]),
    }


@given(st.integers(), st.integers())
def test_ids_times_and_the_order_of_ids_are_no_difference(one: int, other: int) -> None:
    first, second = (Cloud(random.Random(seed)).documents() for seed in (one, other))
    assert differences(told(first), told(second)) == []


def test_an_id_is_called_after_the_resource_whose_id_it_is() -> None:
    seen = told(Cloud(random.Random(1)).documents())
    assert seen["state"]["resources"]["aws_subnet.this[1]"]["attributes"]["vpc_id"] == "<aws_vpc.this.id>"
    assert "<aws_subnet.this[1].id>" in {each["SubnetId"] for each in seen["cloud"]["associations"]}


def _argument(of: Documents) -> None:
    of["state"]["resources"][2]["instances"][0]["attributes"]["zones"] = ["c", "a"]


def _resource(of: Documents) -> None:
    del of["state"]["resources"][2]["instances"][1]


def _reference(of: Documents) -> None:
    """Both tables stand, but each is the other subnet's."""
    one, other = (each["attributes"] for each in of["state"]["resources"][3]["instances"])
    one["subnet_id"], other["subnet_id"] = other["subnet_id"], one["subnet_id"]


def _reference_in_the_cloud(of: Documents) -> None:
    one, other = of["cloud"]["associations"]
    one["SubnetId"], other["SubnetId"] = other["SubnetId"], one["SubnetId"]


def _same_twice(of: Documents) -> None:
    of["cloud"]["associations"][0]["RouteTableId"] = of["cloud"]["associations"][1]["RouteTableId"]


def _another_one(of: Documents) -> None:
    of["cloud"]["associations"].append({"SubnetId": "subnet-" + "0" * 17, "RouteTableId": "rtb-" + "0" * 17})


def _value_for_an_id(of: Documents) -> None:
    of["state"]["resources"][2]["instances"][0]["attributes"]["vpc_id"] = "default"


def _path(of: Documents) -> None:
    of["cloud"]["url"] += "s"


def _words(of: Documents) -> None:
    of["said"] += "\nWarning: deprecated"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (_argument, "state.resources.aws_subnet.this[0].attributes.zones[0]: 'a' != 'c'"),
        (_resource, "state.resources.aws_subnet.this[1]: "),
        (_reference, "state.resources.aws_route_table_association.this[0].attributes.subnet_id: "),
        (_reference_in_the_cloud, "cloud.associations["),
        (_same_twice, "cloud.associations["),
        (_another_one, "cloud.associations[2]: Ellipsis != "),
        (_value_for_an_id, "state.resources.aws_subnet.this[0].attributes.vpc_id: '<aws_vpc.this.id>' != 'default'"),
        (_path, "cloud.url: "),
        (_words, "said[0]: '"),
    ],
)
def test_a_real_difference_is_found_and_named(change: Callable[[Documents], None], where: str) -> None:
    plain, fast = (Cloud(random.Random(seed)).documents() for seed in (1, 2))
    changed = copy.deepcopy(fast)
    change(changed)
    found = differences(told(plain), told(changed))
    assert any(each.startswith(where) for each in found), found
