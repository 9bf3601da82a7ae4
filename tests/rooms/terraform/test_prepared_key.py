"""A key changes with whatever `init` depends on, and with nothing else; what is not pinned has no key worth keeping."""

from __future__ import annotations

import json
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.prepared_key import (
    Ingredients,
    is_pinned,
    reason_after,
    reason_before,
    stored_ingredients,
    tree_digest,
)

WORDS = st.text(max_size=12)
MIRRORED = st.lists(st.tuples(WORDS, WORDS), max_size=4, unique=True).map(tuple)
INGREDIENTS = st.builds(Ingredients, WORDS, WORDS, WORDS, WORDS, WORDS, WORDS, WORDS, MIRRORED)
NAMES = st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2})?\.(tf|tf\.json|tofu)", fullmatch=True)
TREES = st.dictionaries(NAMES, st.binary(max_size=8), max_size=4)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def digest_of(files: dict[str, bytes]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return tree_digest(write(files, Path(folder)))


@given(INGREDIENTS, st.sampled_from([each.name for each in fields(Ingredients)]), st.data())
def test_any_change_in_any_ingredient_changes_the_key(made_of: Ingredients, name: str, data: st.DataObject) -> None:
    other: Any = data.draw(MIRRORED if name == "mirrored" else WORDS)
    changed = replace(made_of, **{name: other})
    same = set(other) == set(made_of.mirrored) if name == "mirrored" else other == getattr(made_of, name)
    assert (changed.key() == made_of.key()) == same


@given(INGREDIENTS, st.randoms(use_true_random=False))
def test_the_order_of_what_mirrors_hold_does_not(made_of: Ingredients, chance: object) -> None:
    mixed = list(made_of.mirrored)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert replace(made_of, mirrored=tuple(mixed)).key() == made_of.key()
    assert stored_ingredients(json.loads(json.dumps(made_of.as_stored()))) == made_of
    assert made_of.after("lock").key() == replace(made_of, lock="lock").key()


@given(INGREDIENTS, WORDS)
def test_what_moves_from_one_ingredient_to_the_next_changes_the_key(made_of: Ingredients, more: str) -> None:
    one = replace(made_of, tree="a" + more, root="b")
    other = replace(made_of, tree="a", root=more + "b")
    assert (one.key() == other.key()) == (not more)


@given(TREES, TREES)
def test_two_trees_have_one_digest_only_when_they_are_the_same(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)
    assert digest_of(dict(reversed(one.items()))) == digest_of(one)


def test_only_files_of_modules_and_links_count(tmp_path: Path) -> None:
    write({"a.tf": b"1", "docs/a.md": b"1"}, tmp_path)
    before = tree_digest(tmp_path)
    write({"docs/a.md": b"2", "a.tfvars": b"2"}, tmp_path)
    assert tree_digest(tmp_path) == before
    (tmp_path / "link").symlink_to("docs")
    linked = tree_digest(tmp_path)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("other")
    assert len({before, linked, tree_digest(tmp_path)}) == 3


@pytest.mark.parametrize(
    ("source", "version", "pinned"),
    [
        ("./inner", None, True),
        ("../modules/x", None, True),
        ("terraform-aws-modules/vpc/aws", "5.1.0", True),
        ("terraform-aws-modules/vpc/aws//modules/x", "= 5.1.0", True),
        ("app.terraform.io/team/vpc/aws", "5.1.0-rc1", True),
        ("terraform-aws-modules/vpc/aws", "~> 5.1", False),
        ("terraform-aws-modules/vpc/aws", None, False),
        (f"git::https://example.com/x.git?ref={COMMIT}", None, True),
        (f"git::ssh://git@example.com/x.git//a?depth=1&ref={COMMIT}", None, True),
        ("git::https://example.com/x.git?ref=v1.2.0", None, True),
        ("github.com/team/x?ref=1.2", None, True),
        ("git@github.com:team/x.git?ref=v1.2.3", None, True),
        ("git::https://example.com/x.git?ref=main", None, False),
        ("git::https://example.com/x.git?ref=0123abc", None, False),
        ("git::https://example.com/x.git", None, False),
        ("github.com/team/x", "1.2.3", False),
        ("https://example.com/x.zip", None, False),
        ("s3::https://s3.amazonaws.com/b/x.zip", None, False),
        ("hg::http://example.com/x?ref=v1.2.0", None, False),
        ("/absolute", None, False),
        (None, None, False),
    ],
)
def test_pinned(source: str | None, version: str | None, pinned: bool) -> None:
    assert is_pinned(source, version) is pinned


@given(st.one_of(st.text(), st.text().map("git::https://[{}?ref=main".format)), st.one_of(st.none(), st.text()))
def test_whether_a_source_is_pinned_can_be_asked_of_any_text(source: str, version: str | None) -> None:
    assert is_pinned(source, version) in (True, False)
    assert not is_pinned(f"https://{source}", version) and not is_pinned(f"git::{source.replace('?', '')}")


def call(source: str, version: str = "") -> bytes:
    return f'module "m" {{\n  source = {source}\n{version}}}\n'.encode()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"main.tf": b""}, ""),
        ({"main.tf": call('"../mod"'), "../mod/a.tf": b""}, ""),
        ({"main.tf": call('"../mod"'), "../mod/a.tf": call('"github.com/a/b"')}, "not pinned"),
        ({"main.tf": call("var.where")}, "not pinned"),
        ({"main.tf": call('"a/b/c"', '  version = "1.0.0"\n')}, ""),
        ({"main.tf": b"}{"}, "cannot be read"),
        ({"readme.md": b""}, "cannot be read"),
        ({"main.tf": b"", ".terraform/x": b""}, "`.terraform`"),
        ({"main.tf": b"", "terraform.d/plugins/x": b""}, "`terraform.d`"),
    ],
)
def test_reasons_before_init(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    root = tmp_path / "root"
    write({**files, "x": b""}, root)
    found = reason_before(root, "terraform")
    assert reason in (found or "") and bool(found) == bool(reason)


LOCK = 'provider "example.com/a/b" {{\n  version = "{}"\n}}\n'


def test_reasons_after_init(tmp_path: Path) -> None:
    listed = {"Modules": [{"Key": "", "Dir": "."}, {"Key": "m", "Source": "x", "Dir": ".terraform/modules/m"}]}
    modules = json.dumps(listed).encode()
    write({".terraform/modules/modules.json": modules, ".terraform/modules/m/main.tf": b""}, tmp_path)
    one, two = LOCK.format("1.0.0"), LOCK.format("2.0.0")
    assert reason_after(tmp_path, "", "", []) is None
    assert reason_after(tmp_path, one, one, []) is None, "the lock file said which"
    assert reason_after(tmp_path, "", one, [("example.com/a/b", "1.0.0")]) is None, "the mirror has only these"
    assert "example.com/a/b" in (reason_after(tmp_path, "", two, [("example.com/a/b", "1.0.0")]) or "")
    write(
        {".terraform/modules/m/main.tf": call('"./inner"'), ".terraform/modules/m/inner/a.tf": call('"a/b/c"')},
        tmp_path,
    )
    assert "not pinned" in (reason_after(tmp_path, one, one, []) or ""), "a module of a module"
    write({".terraform/environment": b"other"}, tmp_path)
    assert "`environment`" in (reason_after(tmp_path, one, one, []) or "")
