"""Environments that were made elsewhere: addresses of states, and which ECS service is which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.environments.adopt_model import (
    Running,
    found_elsewhere,
    image_of,
    matching,
    place_of_state,
    refuse_engine,
    refuse_ours,
    why_no_service,
)
from butai.errors import RefusedError, WrongUseError
from butai.runs.model import RunKind

pytestmark = pytest.mark.model

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
RUNNING = [Running("old-web", (f"{ECR}/web:1", f"{ECR}/agent:9")), Running("old-api", (f"{ECR}/api:1",))]


@given(
    st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[\w-]{1,9}(/[\w.-]{1,9}){0,3}x", fullmatch=True),
)
def test_an_address_is_a_bucket_and_a_key(bucket: str, key: str) -> None:
    place = place_of_state(f"s3://{bucket}/{key}", region="eu-west-1")
    assert (place.bucket, place.key, place.object_key) == (bucket, key, key)
    workspace = place_of_state(f"s3://{bucket}/{key}", region="eu-west-1", workspace="staging")
    assert workspace.object_key == f"env:/staging/{key}"


@pytest.mark.parametrize(
    "address",
    ["", "bucket/key", "s3://bucket", "s3://bucket/", "s3:///key", "s3://b/k", "s3://b k/x", "s3://bucket/a b"],
)
def test_anything_else_is_none(address: str) -> None:
    with pytest.raises(WrongUseError, match="no address of a state"):
        place_of_state(address, region="eu-west-1")


@pytest.mark.parametrize("kind", sorted(RunKind))
def test_only_what_needs_no_engine_may_be_done(kind: RunKind) -> None:
    refuse_engine(None, "staging", kind)
    if kind in (RunKind.LOOK, RunKind.DEPLOY):
        refuse_engine({"cluster": ""}, "staging", kind)
        return
    with pytest.raises(RefusedError, match="made elsewhere"):
        refuse_engine({"cluster": ""}, "staging", kind)


def test_one_of_our_own_is_not_looked_at_that_way() -> None:
    refuse_ours({"cluster": ""}, "staging")
    with pytest.raises(RefusedError, match="was not adopted"):
        refuse_ours(None, "qa-1")


def test_a_service_is_known_by_its_images() -> None:
    assert matching(f"{ECR}/web:{{commit}}", RUNNING) == ["old-web"]
    assert matching(f"{ECR}/other:{{commit}}", RUNNING) == []
    assert matching("web:{commit}", RUNNING) == [], "another registry's is another image"
    assert image_of(f"{ECR}/web:{{commit}}", RUNNING[0].images) == f"{ECR}/web:1"
    assert image_of("x/y:{commit}", RUNNING[1].images) == f"{ECR}/api:1", "the only one"
    assert image_of("x/y:{commit}", RUNNING[0].images) == ""


def test_what_cannot_be_told_is_said_with_what_to_say() -> None:
    assert "a, b. Say which" in why_no_service("web", "main", ["b", "a"], RUNNING)
    assert "There are: old-api, old-web." in why_no_service("web", "main", [], RUNNING)
    assert "There are: -." in why_no_service("web", "main", [], [])


def test_what_the_newest_look_saw() -> None:
    [ref] = found_elsewhere({"found": {"web": {"cluster": "main", "service": "old-web"}}})
    assert (ref.cluster, ref.name) == ("main", "old-web")
    assert found_elsewhere(None) == found_elsewhere({"cluster": "main"}) == []
