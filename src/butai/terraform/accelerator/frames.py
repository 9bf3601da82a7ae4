"""HTTP/2 as far as gRPC between two programs of one machine needs it: frames, and header blocks.

Sources: RFC 9113 (frames), RFC 7541 (header blocks, read by hpack), doc/PROTOCOL-HTTP2.md of gRPC (what it puts into them).
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import NamedTuple
from urllib.parse import quote, unquote

from hpack import Decoder, Encoder, HPACKError, NeverIndexedHeaderTuple

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
ACK = END_STREAM = 0x1
END_HEADERS, PADDED, PRIORITY = 0x4, 0x8, 0x20
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 0x1, 0x4
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0x0, 0x1, 0x7, 0x8, 0xB
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# What both sides have until they say something else, and the most that a window may be.
WINDOW, LARGEST_WINDOW, LARGEST_FRAME = 65_535, 2**31 - 1, 16_384

_HEAD = Struct(">IBI")
_SETTING = Struct(">HI")
_MESSAGE = Struct(">BI")
_KNOWN_AT_MOST = 1024
# An error's words are a header, and may be long: its call must end with them, not everybody's connection.
_LONGEST_HEADERS = 16 * 1024 * 1024
# By heart: what the same blocks said, of everybody whose blocks do not build on one another.
_known: dict[bytes, dict[str, str]] = {}


class FrameError(ValueError):
    """These bytes are no HTTP/2, or not as gRPC speaks it."""


class Frame(NamedTuple):
    """One frame. `stream`: 0 for the whole connection."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame as it is sent; at most LARGEST_FRAME bytes of payload."""
    return _HEAD.pack(len(payload) << 8 | kind, flags, stream) + payload


def headers(stream: int, block: bytes, *, end: bool = False) -> bytes:
    """The frames of a header block; `end`: nothing comes behind it."""
    if len(block) <= LARGEST_FRAME:
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)
    parts = [block[at : at + LARGEST_FRAME] for at in range(0, len(block), LARGEST_FRAME)]
    kinds = [HEADERS, *[CONTINUATION] * (len(parts) - 1)]
    flags = [END_STREAM if end else 0, *[0] * (len(parts) - 1)]
    flags[-1] |= END_HEADERS
    return b"".join(frame(*each[:2], stream, each[2]) for each in zip(kinds, flags, parts, strict=True))


def number(value: int) -> bytes:
    """A payload that is one number: of WINDOW_UPDATE and RST_STREAM."""
    return value.to_bytes(4, "big")


def settings(values: dict[int, int]) -> bytes:
    """A frame that says how this side wants to be spoken to."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*each) for each in values.items()))


def read_settings(payload: bytes) -> dict[int, int]:
    """What a SETTINGS frame says. Raises FrameError."""
    if len(payload) % _SETTING.size:
        raise FrameError(f"settings of {len(payload)} bytes")
    return dict(_SETTING.iter_unpack(payload))


class FrameReader:
    """Cuts what comes in into frames."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now. Raises FrameError for one that is longer than was agreed."""
        data = self._left + data if self._left else data
        found, at = [], 0
        while len(data) - at >= _HEAD.size:
            length_and_kind, flags, stream = _HEAD.unpack_from(data, at)
            begin, length = at + _HEAD.size, length_and_kind >> 8
            if length > LARGEST_FRAME:
                raise FrameError(f"a frame of {length} bytes")
            if len(data) - begin < length:
                break
            at = begin + length
            found.append(Frame(length_and_kind & 0xFF, flags, stream & LARGEST_WINDOW, data[begin:at]))
        self._left = data[at:]
        return found


def content(of: Frame) -> bytes:
    """What a DATA or HEADERS frame carries, without padding and priority. Raises FrameError."""
    payload, begin, end = of.payload, 0, len(of.payload)
    if of.flags & PADDED:
        if not payload:
            raise FrameError("a padded frame without anything")
        begin, end = 1, end - payload[0]
    if of.kind == HEADERS and of.flags & PRIORITY:
        begin += 5
    if begin > end:
        raise FrameError("a frame with more padding than content")
    return payload[begin:end]


class BlockReader:
    """Header blocks of one direction of one connection."""

    def __init__(self) -> None:
        self._decoder = Decoder(_LONGEST_HEADERS)

    def read(self, block: bytes) -> dict[str, str]:
        """The headers in a block. Raises FrameError."""
        alone = self._decoder.header_table_size == 0
        if alone and block in _known:
            return _known[block]
        try:
            found = {str(each[0]): str(each[1]) for each in self._decoder.decode(block)}
        except HPACKError as error:
            raise FrameError(f"headers: {error}") from error
        # Without a table (as this side asks for) a block says the same whatever came before it.
        if self._decoder.header_table_size == 0:
            if len(_known) >= _KNOWN_AT_MOST:
                _known.clear()
            _known[block] = found
        return found


def _block(*headers: tuple[str, str]) -> bytes:
    """Headers that leave nothing in the other side's table, so that they can be sent again as they are."""
    return Encoder().encode([NeverIndexedHeaderTuple(*each) for each in headers])


@lru_cache(256)
def asking(path: str) -> bytes:
    """The headers of a call."""
    return _block(
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    )


_ANSWER = ((":status", "200"), ("content-type", "application/grpc"))
ANSWERING = _block(*_ANSWER)
DONE = _block(("grpc-status", "0"))


def failing(status: int, message: str) -> bytes:
    """The only headers of a call that failed."""
    # Percent-encoded but for what is printable: a space is.
    told = quote(message, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}")
    return _block(*_ANSWER, ("grpc-status", str(status)), ("grpc-message", told))


def outcome(trailers: dict[str, str]) -> tuple[int, str] | None:
    """The status of a call and its words; none where these headers do not end one. Raises FrameError."""
    if "grpc-status" not in trailers:
        return None
    if not trailers["grpc-status"].isdecimal():
        raise FrameError(f"status {trailers['grpc-status']!r}")
    return int(trailers["grpc-status"]), unquote(trailers.get("grpc-message", ""))


def message(value: bytes) -> bytes:
    """A message of gRPC as it is sent."""
    return _MESSAGE.pack(0, len(value)) + value


def the_message(body: bytes | bytearray) -> bytes:
    """The one message that a plain call sends and gets. Raises FrameError."""
    if len(body) < _MESSAGE.size:
        raise FrameError("no message")
    packed, length = _MESSAGE.unpack_from(body)
    if packed or len(body) != _MESSAGE.size + length:
        raise FrameError("more than one message, or one that is packed")
    return bytes(memoryview(body)[_MESSAGE.size :])
