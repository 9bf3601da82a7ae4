"""What was changed outside: which of it counts, what the code leaves to the provider, and rules that are things of their own."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.attributes import HIDDEN, Attribute
from butai.terraform.outside import drifted

SECRET = "s3cr3t-"
SCHEMAS = {
    "provider_schemas": {
        "p": {
            "resource_schemas": {
                "aws_db_instance": {
                    "block": {
                        "attributes": {
                            "latest_restorable_time": {"computed": True},
                            "engine_version": {"optional": True, "computed": True},
                            "tags": {"optional": True},
                            "tags_all": {"optional": True, "computed": True},
                        }
                    }
                },
                "aws_security_group": {"block": {"attributes": {"ingress": {"optional": True, "computed": True}}}},
            }
        }
    }
}
RULE = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"], "self": False}


def test_what_was_changed_outside_is_told_as_the_way_back_and_another_emptiness_is_no_change() -> None:
    def drift(address: str, before: Any, after: Any, *actions: str, **marks: Any) -> dict[str, Any]:
        change = {"actions": list(actions or ["update"]), "before": before, "after": after, **marks}
        return {"address": address, "type": "a", "name": address[2:], "change": change}

    plan = {
        "resource_drift": [
            drift("a.b", {"tags": {"Team": "x"}, "note": None}, {"tags": {"Team": "y"}, "note": ""}),
            drift("a.c", {"tags": None, "rules": []}, {"tags": {}, "rules": None}),
            drift("a.d", {"word": SECRET}, {"word": SECRET + "2"}, before_sensitive={"word": True}),
            drift("a.e", {"a": 1}, None, "delete"),
        ],
        "resource_changes": [drift("a.z", {"a": 1}, {"a": 2})],
    }
    found = {each.address: each.attributes for each in drifted(plan, {})}
    assert found == {
        "a.b": [Attribute("tags.Team", '"y"', '"x"')],
        "a.c": [],
        "a.d": [Attribute("word", HIDDEN, HIDDEN)],
    }


def one(type_: str, before: Any, after: Any, module: str = "", **change: Any) -> dict[str, Any]:
    address = ".".join(filter(None, (module, type_, "this")))
    change = {"actions": ["update"], "before": before, "after": after, **change}
    where = {"module_address": module} if module else {}
    return {"address": address, "type": type_, "name": "this", "provider_name": "p", "change": change, **where}


def code(type_: str, *sets: str) -> dict[str, Any]:
    return {
        "mode": "managed",
        "type": type_,
        "name": "this",
        "expressions": {name: {"constant_value": 1} for name in sets},
    }


def test_what_the_code_sets_or_alone_could_set_counts_and_comes_first() -> None:
    before = {"latest_restorable_time": "1", "engine_version": "16.1", "tags": {}, "tags_all": {}}
    after = {"latest_restorable_time": "2", "engine_version": "16.2", "tags": {"By": "x"}, "tags_all": {"By": "x"}}
    drift = [one("aws_db_instance", before, after, 'module.data["a.b"]')]

    def counted(*sets: str) -> list[tuple[str, bool]]:
        module = {"module_calls": {"data": {"module": {"resources": [code("aws_db_instance", *sets)]}}}}
        (found,) = drifted({"resource_drift": drift, "configuration": {"root_module": module}}, SCHEMAS)
        return [(each.path, each.in_code) for each in found.attributes]

    assert counted() == [
        ("tags.By", True),
        ("tags_all.By", True),
        ("engine_version", False),
        ("latest_restorable_time", False),
    ]
    assert ("engine_version", True) in counted("engine_version")


def test_where_the_code_is_gone_or_the_type_is_unknown_all_of_it_counts() -> None:
    drift = [one("aws_db_instance", {"latest_restorable_time": "1"}, {"latest_restorable_time": "2"})]
    for configuration, schemas in (({}, SCHEMAS), ({"root_module": {"resources": [code("aws_db_instance")]}}, {})):
        (found,) = drifted({"resource_drift": drift, "configuration": configuration}, schemas)
        assert [each.in_code for each in found.attributes] == [True]


def group(before: list[Any], after: list[Any], rules: list[dict[str, Any]]) -> list[Attribute]:
    """What is told of a group whose rules went from one list to the other, with these as things of their own."""
    plan = {
        "resource_drift": [
            one("aws_security_group", {"id": "sg-1", "ingress": before}, {"id": "sg-1", "ingress": after})
        ],
        "configuration": {"root_module": {"resources": [code("aws_security_group")]}},
        "prior_state": {"values": {"root_module": {"child_modules": [{"resources": rules}]}}},
    }
    (found,) = drifted(plan, SCHEMAS)
    return list(found.attributes)


def own(source: str, port: int) -> dict[str, Any]:
    values = {
        "security_group_id": "sg-1",
        "ip_protocol": "tcp",
        "from_port": port,
        "to_port": port,
        "cidr_ipv4": source,
    }
    return {"type": "aws_vpc_security_group_ingress_rule", "values": values}


def joined(rules: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """As the provider reads them: sources of the same ports together."""
    ports = sorted({port for _, port in rules})
    return [
        {
            **RULE,
            "from_port": port,
            "to_port": port,
            "cidr_blocks": sorted(source for source, each in rules if each == port),
        }
        for port in ports
    ]


some = st.sets(st.tuples(st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0"]), st.sampled_from([22, 80, 443])))


@given(some, some, some)
def test_only_rules_that_no_code_made_or_that_went_are_told(
    written: set[tuple[str, int]], own_rules: set[tuple[str, int]], there: set[tuple[str, int]]
) -> None:
    found = group(joined(sorted(written)), joined(sorted(there)), [own(*each) for each in own_rules])
    by_hand = there - written - own_rules or written - own_rules - there
    assert all(each.in_code is bool(own_rules) for each in found), (
        "it is the code's where it writes rules of this group"
    )
    if own_rules:
        assert bool(found) == bool(by_hand)
    else:
        assert bool(found) == (written != there)


def test_rules_of_the_older_kind_of_other_groups_and_of_itself_are_known() -> None:
    older = {"security_group_id": "sg-1", "type": "ingress", "protocol": "-1", "from_port": 0, "to_port": 65535}
    rules = [
        {"type": "aws_security_group_rule", "values": {**older, "source_security_group_id": "sg-2"}},
        {"type": "aws_security_group_rule", "values": {**older, "self": True, "cidr_blocks": ["10.0.0.0/8"]}},
    ]
    everything = {
        "protocol": "-1",
        "from_port": 0,
        "to_port": 0,
        "security_groups": ["123456789012/sg-2"],
        "self": True,
    }
    shown = [{**everything, "cidr_blocks": ["10.0.0.0/8"]}]
    assert group([], shown, rules) == []
    assert [each.path for each in group([], [*shown, {**RULE, "cidr_blocks": ["0.0.0.0/0"]}], rules)] == ["ingress"]


def shown(type_: str, attribute: str, there: list[Any], made_by: str, own: dict[str, Any]) -> list[str]:
    """What is told of a thing that had nothing, has this, and to which one thing of its own was given."""
    plan = {
        "resource_drift": [one(type_, {"id": "x", attribute: []}, {"id": "x", attribute: there})],
        "configuration": {"root_module": {"resources": [code(type_)]}},
        "prior_state": {"values": {"root_module": {"resources": [{"type": made_by, "values": own}]}}},
    }
    (found,) = drifted(plan, SCHEMAS)
    assert all(each.in_code for each in found.attributes)
    return [each.path for each in found.attributes]


def test_routes_and_policies_that_code_wrote_as_things_of_their_own() -> None:
    away = {"cidr_block": "0.0.0.0/0", "ipv6_cidr_block": "", "gateway_id": "igw-1", "nat_gateway_id": ""}
    other = {**away, "cidr_block": "10.9.0.0/16"}
    route = {"route_table_id": "x", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}
    assert shown("aws_route_table", "route", [away], "aws_route", route) == []
    assert shown("aws_route_table", "route", [away, other], "aws_route", route) == ["route"]
    assert shown("aws_route_table", "route", [{**away, "gateway_id": "igw-2"}], "aws_route", route) == ["route"]

    policy = {"role": "x", "name": "start"}
    assert (
        shown("aws_iam_role", "inline_policy", [{"name": "start", "policy": "{}"}], "aws_iam_role_policy", policy) == []
    )
    assert shown("aws_iam_role", "inline_policy", [{"name": "by-hand"}], "aws_iam_role_policy", policy) == [
        "inline_policy"
    ]
    attached = {"role": "x", "policy_arn": "arn:1"}
    given_to = ("aws_iam_role", "managed_policy_arns")
    assert shown(*given_to, ["arn:1"], "aws_iam_role_policy_attachment", attached) == []
    assert shown(*given_to, ["arn:1", "arn:2"], "aws_iam_role_policy_attachment", attached) == ["managed_policy_arns"]
