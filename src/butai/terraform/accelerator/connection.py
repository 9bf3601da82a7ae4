"""A connection that speaks gRPC, with messages as bytes: what the end that asks and the end that answers have in common.

Not grpc.aio, which changes between threads at every step of a call: that was two fifths of what a call took.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from butai.terraform.accelerator import frames
from butai.terraform.accelerator.frames import BlockReader, Frame, FrameError, FrameReader

# When so many bytes came in, the other side is told that there is room again.
_ROOM_AGAIN = frames.LARGEST_WINDOW // 2
_log = logging.getLogger(__name__)


class Status(IntEnum):
    """How a call ended: those of gRPC's statuses that are given or looked at here."""

    CANCELLED = 1
    UNKNOWN = 2
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class CallError(Exception):
    """A call failed: its status and its words, as they are to be told to whoever asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(slots=True)
class _Outgoing:
    """What still waits for room at the other side: a message's rest, and the frames that come behind it."""

    left: memoryview
    behind: bytes
    window: int


Call = TypeVar("Call")


class End(asyncio.Protocol, ABC, Generic[Call]):
    """What both ends do: take frames apart, and send messages no faster than the other end wants them.

    `Call`: what an end knows of a call that goes on.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        self._reader, self._blocks = FrameReader(), BlockReader()
        self._window = self._initial = frames.WINDOW
        self._credits: dict[int, int] = {}
        self._outgoing: dict[int, _Outgoing] = {}
        self._came = 0
        self._headers: tuple[Frame, bytearray] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        # No table: headers then say the same every time. No limit: a description has many MB.
        wanted = {frames.HEADER_TABLE_SIZE: 0, frames.INITIAL_WINDOW_SIZE: frames.LARGEST_WINDOW}
        room = frames.number(frames.LARGEST_WINDOW - frames.WINDOW)
        self.write(self._greeting() + frames.settings(wanted) + frames.frame(frames.WINDOW_UPDATE, 0, 0, room))

    def data_received(self, data: bytes) -> None:
        try:
            for each in self._reader.feed(self._greeted(data)):
                self._take(each)
        except FrameError as error:
            _log.warning("connection given up: %s", error)
            self.write(frames.frame(frames.GOAWAY, 0, 0, bytes(4) + frames.number(frames.PROTOCOL_ERROR)))
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True
        self._outgoing.clear()

    def write(self, data: bytes) -> None:
        """Send this, unless nobody is there any more."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def _greeting(self) -> bytes:
        return b""

    def _greeted(self, data: bytes) -> bytes:
        return data

    def _take(self, came: Frame) -> None:
        if self._headers is not None and came.kind != frames.CONTINUATION:
            raise FrameError("headers that go on were interrupted")
        match came.kind:
            case frames.DATA:
                self._make_room(len(came.payload))
                self._message(came.stream, frames.content(came), end=bool(came.flags & frames.END_STREAM))
            case frames.HEADERS | frames.CONTINUATION:
                self._gather(came)
            case frames.WINDOW_UPDATE:
                self._widen(came.stream, int.from_bytes(came.payload, "big") & frames.LARGEST_WINDOW)
            case frames.PING if not came.flags & frames.ACK:
                self.write(frames.frame(frames.PING, frames.ACK, 0, came.payload))
            case frames.SETTINGS if not came.flags & frames.ACK:
                self._agree(frames.read_settings(came.payload))
            case frames.RST_STREAM:
                self._forget(came.stream)
                self._reset(came.stream, int.from_bytes(came.payload, "big"))
            case frames.GOAWAY:
                self._leave(int.from_bytes(came.payload[:4], "big") & frames.LARGEST_WINDOW)

    def _gather(self, came: Frame) -> None:
        if (came.kind == frames.CONTINUATION) != (self._headers is not None):
            raise FrameError("headers that go on from nowhere")
        first, block = self._headers or (came, bytearray())
        if came.stream != first.stream:
            raise FrameError("headers that go on in another call")
        block += frames.content(came) if came is first else came.payload
        self._headers = None if came.flags & frames.END_HEADERS else (first, block)
        if self._headers is None:
            found = self._blocks.read(bytes(block))
            self._told(first.stream, found, end=bool(first.flags & frames.END_STREAM))

    def _make_room(self, size: int) -> None:
        self._came += size
        if self._came > _ROOM_AGAIN:
            self.write(frames.frame(frames.WINDOW_UPDATE, 0, 0, frames.number(self._came)))
            self._came = 0

    def _agree(self, wanted: dict[int, int]) -> None:
        initial = wanted.get(frames.INITIAL_WINDOW_SIZE, self._initial)
        for each in self._outgoing.values():
            each.window += initial - self._initial
        self._initial = initial
        self.write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        self._pump()

    def _widen(self, stream: int, by: int) -> None:
        if stream == 0:
            self._window += by
        elif stream in self._outgoing:
            self._outgoing[stream].window += by
        elif stream in self._calls:
            self._credits[stream] = self._credits.get(stream, 0) + by
        self._pump()

    def send(self, stream: int, before: bytes, message: bytes, behind: bytes) -> None:
        """A message between frames of headers, now as far as there is room for it."""
        body = frames.message(message)
        window = self._initial + self._credits.pop(stream, 0)
        if len(body) <= min(frames.LARGEST_FRAME, self._window, window):
            self._window -= len(body)
            self.write(before + frames.frame(frames.DATA, 0, stream, body) + behind)
            return
        self.write(before)
        self._outgoing[stream] = _Outgoing(memoryview(body), behind, window)
        self._pump()

    def _pump(self) -> None:
        for stream, each in list(self._outgoing.items()):
            while each.left and (room := min(frames.LARGEST_FRAME, self._window, each.window)) > 0:
                part, each.left = each.left[:room], each.left[room:]
                self._window -= len(part)
                each.window -= len(part)
                self.write(frames.frame(frames.DATA, 0, stream, bytes(part)))
            if not each.left:
                del self._outgoing[stream]
                self.write(each.behind)

    def _reset_stream(self, stream: int, why: int) -> None:
        self.write(frames.frame(frames.RST_STREAM, 0, stream, frames.number(why)))

    def _forget(self, stream: int) -> None:
        self._outgoing.pop(stream, None)
        self._credits.pop(stream, None)

    @abstractmethod
    def _told(self, stream: int, told: dict[str, str], *, end: bool) -> None:
        """Headers of a call came; `end`: and nothing more will."""

    @abstractmethod
    def _message(self, stream: int, part: bytes, *, end: bool) -> None:
        """A part of a call's message came; `end`: and nothing more will."""

    @abstractmethod
    def _reset(self, stream: int, why: int) -> None:
        """The other side gave a call up."""

    def _leave(self, last: int) -> None:
        """The other side takes no more calls than those up to `last`."""
