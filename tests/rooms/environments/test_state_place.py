"""Where an environment's state lies, and what the engine is told of it."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from butai.aws.s3_state import S3Place
from butai.aws.session import Access
from butai.blueprints.model import Blueprint
from butai.environments.place import OWN, backend_block, place_of, remote_of, workspace_of
from butai.terraform.hcl_syntax import parse_hcl

pytestmark = pytest.mark.model

names = st.from_regex(r"[a-z0-9](-?[a-z0-9]){1,9}", fullmatch=True)
prefixes = st.from_regex(r"[A-Za-z0-9_.-]{1,8}(/[A-Za-z0-9_.-]{1,8}){0,2}", fullmatch=True)

# A part of dots alone is refused: it would name another folder.
keys = prefixes.filter(lambda key: all(part.strip(".") for part in key.split("/")))


def blueprint(**s3: object) -> Blueprint:
    body = {"version": 1, "region": "eu-west-1", "environment_variable": "environment"}
    return Blueprint.model_validate({**body, "state": {"s3": {"bucket": "states", "use_lockfile": True, **s3}}})


@given(prefixes, names, names)
def test_no_two_names_have_one_key(prefix: str, one: str, other: str) -> None:
    places = [place_of(blueprint(key_prefix=prefix), name) for name in (one, other)]
    assert (places[0] == places[1]) is (one == other)
    assert all(place and place.key.startswith(f"{prefix}/") for place in places)


@given(prefixes, names)
def test_the_override_file_says_the_place_and_nothing_secret(prefix: str, name: str) -> None:
    place = place_of(blueprint(key_prefix=prefix, use_lockfile=False, dynamodb_table="locks"), name)
    assert place is not None and place.region == "eu-west-1"
    block = backend_block(asdict(place))
    assert parse_hcl(block.encode(), "override.tf").problem is None
    assert f'key = "{prefix}/{name}.tfstate"' in block and 'dynamodb_table = "locks"' in block
    assert "use_lockfile" not in block and "encrypt = true" in block


@given(st.sampled_from([".", "..", "a/..", "../b", "a/./b"]))
def test_a_key_that_would_name_another_folder_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        blueprint(key=f"{key}/x.tfstate")


@given(keys, names, names)
def test_with_a_key_each_environment_is_a_workspace_of_it(key: str, one: str, other: str) -> None:
    places = [place_of(blueprint(key=f"{key}/x.tfstate"), name) for name in (one, other)]
    assert (places[0] == places[1]) is (one == other)
    first = places[0]
    assert first is not None and first.path == f"states/env:/{one}/{key}/x.tfstate"
    block = backend_block(asdict(first))
    assert f'key = "{key}/x.tfstate"' in block and 'workspace_key_prefix = "env:"' in block
    assert "workspace =" not in block and workspace_of(asdict(first)) == one


def test_without_a_bucket_it_is_butais_own() -> None:
    body = {"version": 1, "region": "eu-west-1", "environment_variable": "environment"}
    assert place_of(Blueprint.model_validate(body), "qa-1") is None
    assert backend_block(None) == OWN and remote_of(None, Access("eu-west-1")) == {}
    assert workspace_of(None) == ""
    remote = remote_of(asdict(S3Place("b", "k", "r")), Access("eu-west-1", role="arn"))
    assert remote["place"]["bucket"] == "b" and remote["access"]["role"] == "arn"
