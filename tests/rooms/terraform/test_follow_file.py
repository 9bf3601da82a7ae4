"""Following a file while it grows."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from butai.terraform import follow
from butai.terraform.follow import Follower


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "out.jsonl")
    assert (follower.read(), follower.read_last(), follower.offset) == ([], [], 0)


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    follower = Follower(path)
    with path.open("wb", buffering=0) as file:
        file.write(b"one\ntw")
        assert follower.read() == [(1, "one")]
        assert follower.offset == 4
        file.write(b"o\nthree")
        assert follower.read() == [(2, "two")]
        assert follower.read() == []
        assert follower.read_last() == [(3, "three")]
    assert (follower.read(), follower.read_last(), follower.offset) == ([], [], 13)


def test_another_process_goes_on_where_one_stopped(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes("é\r\n舞台\n".encode() + b"\xff\n")
    first = Follower(path)
    assert first.read() == [(1, "é"), (2, "舞台"), (3, "\ufffd")]
    path.write_bytes(path.read_bytes() + b"more\n")
    assert Follower(path, first.offset, first.seq).read() == [(4, "more")]


def test_a_line_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    long = "x" * (follow.READ_AT_ONCE * 2 + 5)
    path.write_text(f"{long}\nshort\n")
    follower = Follower(path)
    assert follower.read() == [(1, long)]
    assert follower.read() == [(2, "short")]


def test_much_is_read_in_pieces_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("".join(f"line {number}\n" for number in range(200_000)))
    follower = Follower(path)
    seen = []
    while lines := follower.read():
        seen += lines
    assert seen == [(number + 1, f"line {number}") for number in range(200_000)]


def test_beside_a_writing_thread(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            for number in range(2_000):
                file.write(f"{number:07}".encode())
                file.write(b"\n")

    writer = threading.Thread(target=write)
    writer.start()
    follower, seen = Follower(path), []
    while writer.is_alive():
        seen += follower.read()
    writer.join()
    while lines := follower.read():
        seen += lines
    assert [text for _, text in seen] == [f"{number:07}" for number in range(2_000)]


@given(st.lists(st.binary(max_size=20)))
def test_any_bytes_in_any_pieces_give_the_same_lines(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        follower, seen = Follower(path), []
        with path.open("wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)
                seen += follower.read()
        seen += follower.read_last()
    whole = b"".join(pieces)
    lines = whole.split(b"\n")
    expected = lines[:-1] + ([lines[-1]] if lines[-1] else [])
    assert [text for _, text in seen] == [each.decode(errors="replace").removesuffix("\r") for each in expected]
    assert [seq for seq, _ in seen] == list(range(1, len(expected) + 1))
