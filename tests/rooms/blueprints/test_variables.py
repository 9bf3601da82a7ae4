"""Which variable gets which value, and which values nobody may give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from butai.blueprints.validate import parse
from butai.blueprints.variables import VariableError, variables_for

pytestmark = pytest.mark.model

BLUEPRINT = parse("""\
version: 1
region: ap-northeast-1
environment_variable: environment
services:
  web: {repository: ../web, variable: web_image, image: "web:{commit}", ecs_service: aws_ecs_service.web}
leases:
  priority: {variable: listener_priority, range: {from: 100, to: 200}}
  number: {variable: test_number, list: ["0501"]}
  subdomain: {subdomain: ivr.localhost}
defaults: {node_type: cache.t4g.micro, replicas: 1}
secrets: {api_key: "ssm:/ivr/api_key"}
""")


@dataclass
class Variable:
    """A root's variable."""

    type: str = "string"
    sensitive: bool = False
    has_default: bool = True


@dataclass
class Root:
    """A root as the reader gives it."""

    variables: Mapping[str, Variable] = field(
        default_factory=lambda: {
            "environment": Variable(),
            "web_image": Variable(),
            "listener_priority": Variable("number"),
            "test_number": Variable(),
            "node_type": Variable(),
            "replicas": Variable("number"),
            "api_key": Variable(),
            "zones": Variable("list(string)"),
            "password": Variable(sensitive=True),
        }
    )
    outputs: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


def values(**user: str) -> dict[str, object]:
    return dict(
        variables_for(
            BLUEPRINT,
            Root(),
            environment_name="qa-1",
            images={"web": "web:abc"},
            leases={"priority": "110", "number": "0501", "subdomain": "qa-1.ivr.localhost"},
            user=user,
        )
    )


def test_everything_butai_fills_and_the_defaults() -> None:
    assert values() == {
        "environment": "qa-1",
        "web_image": "web:abc",
        "listener_priority": 110,
        "test_number": "0501",
        "node_type": "cache.t4g.micro",
        "replicas": 1,
    }


def test_a_persons_value_goes_before_the_default() -> None:
    assert values(node_type="cache.t4g.small")["node_type"] == "cache.t4g.small"


def test_a_list_is_given_as_json() -> None:
    assert values(zones='["a", "c"]')["zones"] == ["a", "c"]
    with pytest.raises(VariableError) as caught:
        values(zones="a,c")
    assert "JSON" in caught.value.next


@pytest.mark.parametrize("name", ["environment", "web_image", "listener_priority", "test_number", "api_key"])
def test_what_butai_fills_nobody_gives(name: str) -> None:
    with pytest.raises(VariableError, match="filled by Butai") as caught:
        values(**{name: "x"})
    assert caught.value.where == f"--var {name}"


def test_an_undeclared_variable_gets_the_nearest_name() -> None:
    with pytest.raises(VariableError) as caught:
        values(node_typ="x")
    assert (caught.value.code, caught.value.next) == ("unknown-variable", "Did you mean `node_type`?")


def test_a_secret_is_not_given_in_plain_words() -> None:
    with pytest.raises(VariableError) as caught:
        values(password="hunter2")
    assert caught.value.code == "secret-in-plain"
    assert "hunter2" not in str(caught.value)


def test_a_service_without_an_image_and_a_pool_without_a_lease() -> None:
    with pytest.raises(VariableError, match="`web` has no image"):
        variables_for(BLUEPRINT, Root(), environment_name="qa-1", images={}, leases={}, user={})
    with pytest.raises(VariableError) as caught:
        variables_for(BLUEPRINT, Root(), environment_name="qa-1", images={"web": "x"}, leases={}, user={})
    assert caught.value.code == "lease-missing"
