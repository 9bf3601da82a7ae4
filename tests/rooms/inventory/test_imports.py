"""Import blocks: valid for every name, no address twice, and the id that the provider wants."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.aws.existing import Existing
from butai.inventory.imports import Imports, import_id, imports, quoted
from butai.terraform.hcl_syntax import parse_hcl

pytestmark = pytest.mark.model

SERVICE, REVISION = (
    f"arn:aws:ecs:ap-northeast-1:123456789012:{each}" for each in ("service/main/web", "task-definition/web:3")
)
ADDRESS = re.compile(r"aws_[a-z0-9_]+\.[a-z_][a-z0-9_]*")


def thing(
    id_: str, name: str = "", kind: str = "aws_sqs_queue", region: str = "ap-northeast-1", arn: str = ""
) -> Existing:
    return Existing("123456789012", region, kind, id_, arn, name or id_)


def read(hcl: str) -> list[dict[str, object]]:
    parsed = parse_hcl(hcl.encode(), "imports.tf")
    assert parsed.problem is None, (parsed.problem, hcl)
    assert [each.type for each in parsed.body.blocks] == ["import"] * len(parsed.body.blocks)
    return [{"to": each.text("to"), "id": each.value("id")} for each in parsed.body.blocks]


def addresses(found: Imports) -> list[str]:
    return [each.to for each in found.blocks]


def test_names_come_from_the_things_own() -> None:
    chosen = [
        thing("vpc-1", "Staging VPC"),
        thing("vpc-2", "staging/vpc"),
        thing("vpc-3", "検証環境"),
        thing("1a-2b"),
        thing("検証"),
        thing("arn:aws:sns:ap-northeast-1:123456789012:alerts"),
    ]
    names = ["staging_vpc", "staging_vpc_2", "vpc_3", "_1a_2b", "imported", "alerts"]
    assert addresses(imports(chosen)) == [f"aws_sqs_queue.{each}" for each in names]
    assert addresses(imports(chosen[:1], taken={"aws_sqs_queue.staging_vpc"})) == ["aws_sqs_queue.staging_vpc_2"]


@pytest.mark.parametrize(
    ("kind", "id_", "name", "arn", "wanted"),
    [
        ("aws_vpc", "vpc-1", "main", "", "vpc-1"),
        ("aws_db_instance", "db-ABC", "main", "", "main"),
        ("aws_ecs_cluster", "arn:x", "main", "", "main"),
        ("aws_ecs_service", SERVICE, "web", SERVICE, "main/web"),
        ("aws_ecs_task_definition", "web", "web", REVISION, REVISION),
    ],
)
def test_the_id_is_the_one_that_the_provider_wants(kind: str, id_: str, name: str, arn: str, wanted: str) -> None:
    assert import_id(thing(id_, name, kind, arn=arn)) == wanted


def test_what_has_no_known_type_is_left() -> None:
    files = thing("fs-1", kind="elasticfilesystem:file-system")
    found = imports([files, thing("q")])
    assert (found.left, len(found.blocks)) == ((files,), 1)


def test_a_region_may_have_a_provider_of_its_own() -> None:
    found = imports([thing("a"), thing("b", region="us-east-1")], providers={"us-east-1": "aws.virginia"})
    here, there = parse_hcl(found.hcl.encode(), "imports.tf").body.blocks
    assert (here.text("provider"), there.text("provider")) == ("", "aws.virginia")


# The engine reads every text in its composed form.
WORDS = (st.text() | st.text(st.sampled_from('$%{}"\\\n~#'), max_size=12)).map(
    lambda words: unicodedata.normalize("NFC", words)
)


@given(WORDS)
def test_a_quoted_string_says_what_it_was_made_of(words: str) -> None:
    parsed = parse_hcl(f"x = {quoted(words)}\n".encode(), "x.tf")
    assert parsed.problem is None
    assert parsed.body.value("x") == words


@given(st.lists(st.tuples(WORDS, WORDS), max_size=8))
def test_any_names_give_valid_blocks_with_different_addresses(names: list[tuple[str, str]]) -> None:
    found = imports([thing(id_, name) for id_, name in names if id_])
    assert [(each["to"], each["id"]) for each in read(found.hcl)] == [(each.to, each.id) for each in found.blocks]
    assert all(ADDRESS.fullmatch(each) for each in addresses(found))
    assert len(set(addresses(found))) == len(found.blocks)
