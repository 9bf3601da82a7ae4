"""HTTP/2's frames and header blocks: as they come in any pieces, from anybody, and as others read what is sent."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.accelerator import frames
from butai.terraform.accelerator.frames import BlockReader, FrameError, FrameReader
from support.pieces import pieces

RECORDED = Path(__file__).parent / "recorded"
NAMES = ("terraform-plans", "terraform-applies", "provider-answers")
one_frame = st.builds(
    frames.frame,
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, frames.LARGEST_WINDOW),
    st.binary(max_size=300),
)


def _in_pieces(whole: bytes, cuts: list[int]) -> list[frames.Frame]:
    reader = FrameReader()
    return [frame for piece in pieces(whole, cuts) for frame in reader.feed(piece)]


@given(st.lists(one_frame), st.lists(st.integers(0, 5000)))
def test_frames_come_out_as_they_were_sent_however_they_are_cut(sent: list[bytes], cuts: list[int]) -> None:
    came = _in_pieces(b"".join(sent), cuts)
    assert [frames.frame(*each) for each in came] == sent


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4))
def test_random_bytes_are_frames_or_an_error(whole: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(FrameError):
        for each in _in_pieces(whole, cuts):
            frames.content(each)
            frames.read_settings(each.payload)
            BlockReader().read(each.payload)
            frames.the_message(each.payload)


@pytest.mark.parametrize("name", NAMES)
@given(cuts=st.lists(st.integers(0, 4000), max_size=20))
def test_what_terraform_and_a_provider_sent_is_read_in_any_pieces(name: str, cuts: list[int]) -> None:
    whole = (RECORDED / name).read_bytes().removeprefix(frames.PREFACE)
    assert _in_pieces(whole, cuts) == FrameReader().feed(whole) != []


def test_padding_and_priority_are_left_out() -> None:
    padded = frames.Frame(frames.DATA, frames.PADDED, 1, b"\x03abc\0\0\0")
    both = frames.Frame(frames.HEADERS, frames.PADDED | frames.PRIORITY, 1, b"\x02\0\0\0\0\x10abc\0\0")
    assert [*map(frames.content, (padded, both))] == [b"abc", b"abc"]
    for wrong in (padded._replace(payload=b""), padded._replace(payload=b"\x04abc")):
        with pytest.raises(FrameError):
            frames.content(wrong)


def test_a_frame_longer_than_agreed_is_refused_before_it_is_there() -> None:
    with pytest.raises(FrameError, match="16385"):
        FrameReader().feed((frames.LARGEST_FRAME + 1).to_bytes(3, "big") + bytes(6))


headers = st.lists(
    st.tuples(st.sampled_from(["grpc-status", ":path", "user-agent", "x-y"]), st.text("abc/%é", max_size=12)),
    unique_by=lambda each: each[0],
)


@given(st.lists(headers, max_size=6), st.booleans())
def test_blocks_are_read_as_hpack_wrote_them_with_a_table_and_without(
    blocks: list[list[tuple[str, str]]], table: bool
) -> None:
    """With a table a block builds on those before it: it must not be taken for another's that looks the same."""
    for _ in range(2):
        encoder, reader = Encoder(), BlockReader()
        if not table:
            encoder.header_table_size = 0
        for each in blocks:
            assert reader.read(encoder.encode(each)) == dict(each)


@given(st.text(max_size=40), st.integers(1, 16))
def test_others_read_what_is_sent_and_leave_nothing_in_their_table(words: str, status: int) -> None:
    decoder = Decoder()
    for _ in range(2):
        asked = {str(name): str(value) for name, value in decoder.decode(frames.asking("/tfplugin5.Provider/X"))}
        assert (asked[":method"], asked[":path"], asked["te"]) == ("POST", "/tfplugin5.Provider/X", "trailers")
        failed = {str(name): str(value) for name, value in decoder.decode(frames.failing(status, words))}
        assert frames.outcome(failed) == (status, words)
        assert failed["grpc-message"].isascii() and failed["grpc-message"].isprintable()
    assert decoder.header_table_size == 4096 and not decoder.header_table.dynamic_entries


def test_a_block_longer_than_a_frame_goes_on_in_others() -> None:
    block = frames.failing(2, "é" * 9000)
    parts = FrameReader().feed(frames.headers(3, block, end=True))
    assert [each.kind for each in parts] == [frames.HEADERS, *[frames.CONTINUATION] * (len(parts) - 1)] and len(
        parts
    ) > 2
    assert b"".join(each.payload for each in parts) == block
    assert [each.flags for each in parts] == [frames.END_STREAM, *[0] * (len(parts) - 2), frames.END_HEADERS]


def test_a_status_that_is_none_and_messages_that_are_not_one_are_errors() -> None:
    assert frames.outcome({":status": "200"}) is None
    with pytest.raises(FrameError, match="status"):
        frames.outcome({"grpc-status": "ok"})
    for body in (
        b"",
        b"\0\0\0\0",
        frames.message(b"a") * 2,
        frames.message(b"ab")[:-1],
        b"\1" + frames.message(b"a")[1:],
    ):
        with pytest.raises(FrameError):
            frames.the_message(body)
    assert frames.the_message(frames.message(b"abc")) == b"abc"
