"""Parsed files on disk: unchanged ones are not parsed again, and nothing that is wrong with the disk is ever believed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from butai.cli import app
from butai.inventory import kept as kept_module
from butai.inventory import reading
from butai.inventory.kept import kept
from butai.inventory.model import Graph
from butai.inventory.packed import pack, unpack
from butai.inventory.reading import WorkingFolder, read_graph
from butai.terraform import hcl_syntax
from butai.terraform.hcl_blocks import Parsed
from butai.terraform.hcl_json import parse_json
from butai.terraform.hcl_syntax import parse_hcl

NATIVE = """\
# Above.
resource "aws_lb" "main" { # behind
  name  = "é-${var.name}"
  count = 1 + length(local.all["x"].y[count.index])
  dynamic "listener" {
    for_each = var.ports
    content {
      text = <<-EOT
        a ${listener.key}
      EOT
    }
  }
}
locals { all = { x = { y = [1, "2", null] } } }
"""
JSON = '{"variable": {"one": {"default": [1, "2", null, {"a": true}], "type": "${x.y}", "big": 1.5}}}'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, content in {"main.tf": NATIVE, "a/more.tf.json": JSON, "a/broken.tf": 'resource "a" {'}.items():
        (tmp_path / "repository" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repository" / name).write_text(content)
    return tmp_path / "repository"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "parsed"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were parsed."""
    found: list[str] = []

    def told(real: Callable[[bytes, str], Parsed], source: bytes, file: str) -> Parsed:
        found.append(file)
        return real(source, file)

    for name in ("parse_hcl", "parse_json"):
        monkeypatch.setattr(reading, name, partial(told, getattr(reading, name)))
    return found


def read(place: Path, repository: Path) -> Graph:
    with kept(place, repository) as files:
        return read_graph(WorkingFolder(repository), files)


def only_file(place: Path) -> Path:
    (file,) = place.iterdir()
    return file


@pytest.mark.parametrize(("content", "is_json"), [(NATIVE, False), (JSON, True), ("", False), ("{}", True)])
def test_a_file_comes_back_as_it_was(content: str, is_json: bool) -> None:
    one = (parse_json if is_json else parse_hcl)(content.encode(), "f")
    packed = pack(one, is_json=is_json)
    assert packed is not None
    other = unpack(packed)
    assert other == one and repr(other) == repr(one)
    for ours, theirs in zip(one.body.expressions(), other.body.expressions(), strict=True):
        assert repr(ours.value) == repr(theirs.value)


@pytest.mark.parametrize("content", ['{"a": 1', '{"a": 123456789012345678901234567890}'])
def test_what_cannot_come_back_is_not_packed(content: str) -> None:
    assert pack(parse_json(content.encode(), "f"), is_json=True) is None


def test_unchanged_files_are_not_parsed_again(place: Path, repository: Path, parsed: list[str]) -> None:
    first = read(place, repository)
    assert sorted(parsed) == ["a/broken.tf", "a/more.tf.json", "main.tf"]
    parsed.clear()
    again = read(place, repository)
    assert parsed == ["a/broken.tf"], "what is wrong with it is said every time"
    assert again.nodes == first.nodes and again.edges == first.edges and again.problems == first.problems

    (repository / "main.tf").write_text(NATIVE.replace("aws_lb", "aws_elb"))
    (repository / "a" / "more.tf.json").rename(repository / "a" / "other.tf.json")
    parsed.clear()
    changed = read(place, repository)
    assert sorted(parsed) == ["a/broken.tf", "main.tf"], "a file that was only renamed is known"
    assert ".:aws_elb.main" in changed.nodes and changed.nodes["a:var.one"].file == "a/other.tf.json"


def test_a_file_that_was_not_changed_leaves_the_disk_alone(place: Path, repository: Path) -> None:
    read(place, repository)
    before = only_file(place).stat().st_ino
    read(place, repository)
    assert only_file(place).stat().st_ino == before
    assert only_file(place).stat().st_mode & 0o077 == 0 and place.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:40],
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
        lambda content: bytes([content[0] ^ 1]) + content[1:],
    ],
)
def test_a_broken_file_is_read_anew(
    place: Path, repository: Path, parsed: list[str], damage: Callable[[bytes], bytes]
) -> None:
    first = read(place, repository)
    only_file(place).write_bytes(damage(only_file(place).read_bytes()))
    parsed.clear()
    assert read(place, repository).nodes == first.nodes
    assert len(parsed) == 3
    parsed.clear()
    read(place, repository)
    assert parsed == ["a/broken.tf"]


def test_another_reader_believes_nothing(
    place: Path, repository: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(place, repository)
    monkeypatch.setattr(kept_module, "_reader", lambda: b"another reader of thirty-two bytes"[:32])
    parsed.clear()
    read(place, repository)
    assert len(parsed) == 3


def test_the_reader_is_its_own_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = kept_module._reader.__wrapped__()
    assert before == kept_module._reader.__wrapped__()
    source = Path(hcl_syntax.__file__).parent
    for each in source.glob("hcl*.py"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    monkeypatch.setattr(hcl_syntax, "__file__", str(tmp_path / "hcl_syntax.py"))
    assert before == kept_module._reader.__wrapped__()
    with (tmp_path / "hcl_sweep.py").open("a") as file:
        file.write("# Something else.\n")
    assert before != kept_module._reader.__wrapped__()


def test_those_not_used_for_longest_make_room(tmp_path: Path, repository: Path) -> None:
    place = tmp_path / "parsed"
    others = [tmp_path / f"other-{number}" for number in range(2)]
    for number, each in enumerate(others):
        each.mkdir()
        (each / "main.tf").write_text(NATIVE)
        with kept(place, each) as files:
            read_graph(WorkingFolder(each), files)
        os.utime(max(place.iterdir(), key=lambda file: file.stat().st_ctime_ns), (number, number))
    size = sum(each.stat().st_size for each in place.iterdir())
    with kept(place, repository, most_bytes=size) as files:
        read_graph(WorkingFolder(repository), files)
    with kept(place, others[0]) as files:
        assert not files
    with kept(place, others[1], most_bytes=0) as files:
        assert not files
        read_graph(WorkingFolder(others[1]), files)
    with kept(place, others[1]) as files:
        assert not files, "one that has no room at all is not written"


def test_a_folder_that_cannot_be_written_to_is_done_without(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert "a:var.one" in read(tmp_path / "file" / "parsed", repository).nodes


def test_two_at_once_do_no_harm(place: Path, repository: Path, parsed: list[str]) -> None:
    errors: list[BaseException] = []
    barrier = threading.Barrier(4)

    def one(number: int) -> None:
        try:
            for each in range(5):
                barrier.wait(30)
                (repository / "main.tf").write_text(f"{NATIVE}# {each}\n")
                assert "a:var.one" in read(place, repository).nodes
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    parsed.clear()
    read(place, repository)
    parsed.clear()
    read(place, repository)
    assert parsed == ["a/broken.tf"] and [each.suffix for each in place.iterdir()] == [".parsed"]


def test_the_map_keeps_what_it_parsed_unless_it_is_told_not_to(
    repository: Path, tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUTAI_CACHE", str(tmp_path / "cache"))

    def shown(*flags: str) -> Any:
        done = CliRunner().invoke(app, ["map", str(repository), "--json", *flags])
        assert done.exit_code == 0
        return json.loads(done.stdout)

    first = shown("--no-cache")
    assert not (tmp_path / "cache").exists()
    assert shown() == first == shown() == shown("--no-cache")
    assert sorted(parsed) == sorted(3 * ["a/more.tf.json", "main.tf"] + 4 * ["a/broken.tf"])
