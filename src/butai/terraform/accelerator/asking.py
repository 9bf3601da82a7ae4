"""The end of a connection that asks, as an engine does, and the channel to a provider made of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from butai.terraform.accelerator import frames
from butai.terraform.accelerator.connection import CallError, End, Status
from butai.terraform.accelerator.frames import FrameError


@dataclass(slots=True)
class _Asking:
    """A call that is out, and what of its answer is there."""

    answer: asyncio.Future[bytes]
    body: bytearray = field(default_factory=bytearray)

    def fail(self, status: int, message: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(CallError(status, message))

    def end(self, told: dict[str, str]) -> None:
        try:
            status, words = frames.outcome(told) or (Status.INTERNAL, "the answer ended without a status")
            answer = b"" if status else frames.the_message(self.body)
        except FrameError as error:
            status, words = Status.INTERNAL, f"the answer is none: {error}"
        if status:
            self.fail(status, words)
        elif not self.answer.done():
            self.answer.set_result(answer)


_RESETS = {
    frames.CANCEL: Status.CANCELLED,
    frames.REFUSED_STREAM: Status.UNAVAILABLE,
    frames.ENHANCE_YOUR_CALM: Status.RESOURCE_EXHAUSTED,
}


class ClientEnd(End[_Asking]):
    """The end that asks."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 1

    async def call(self, path: str, message: bytes) -> bytes:
        """One call and its answer. Raises CallError. Cancelling this cancels the call there."""
        if self.closed:
            raise CallError(Status.UNAVAILABLE, "the connection is closed")
        stream, self._next = self._next, self._next + 2
        asking = self._calls[stream] = _Asking(asyncio.get_running_loop().create_future())
        behind = frames.frame(frames.DATA, frames.END_STREAM, stream)
        self.send(stream, frames.headers(stream, frames.asking(path)), message, behind)
        try:
            return await asking.answer
        finally:
            if asking.answer.cancelled() or stream in self._outgoing:
                self._reset_stream(stream, frames.CANCEL)
            self._calls.pop(stream, None)
            self._forget(stream)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        for each in self._calls.values():
            each.fail(Status.UNAVAILABLE, "the connection was closed")

    def _greeting(self) -> bytes:
        return frames.PREFACE

    def _told(self, stream: int, told: dict[str, str], *, end: bool) -> None:
        if end and (asking := self._calls.get(stream)):
            asking.end(told)

    def _message(self, stream: int, part: bytes, *, end: bool) -> None:
        if asking := self._calls.get(stream):
            asking.body += part
            if end:
                asking.end({})

    def _reset(self, stream: int, why: int) -> None:
        if asking := self._calls.get(stream):
            asking.fail(_RESETS.get(why, Status.INTERNAL), f"the call was given up there ({why})")

    def _leave(self, last: int) -> None:
        self.closed = True
        for stream, each in self._calls.items():
            if stream > last:
                each.fail(Status.UNAVAILABLE, "the other side takes no more calls")


class Channel:
    """Calls to whoever listens on a unix socket, on a connection that is opened when it is needed, and again if it is lost."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._end: ClientEnd | None = None
        self._opening = asyncio.Lock()

    async def call(self, path: str, message: bytes) -> bytes:
        """One call and its answer, as bytes. Raises CallError. Cancelling this cancels the call there."""
        end = self._end if self._end and not self._end.closed else await self._opened()
        return await end.call(path, message)

    async def _opened(self) -> ClientEnd:
        async with self._opening:
            if self._end is None or self._end.closed:
                try:
                    _, self._end = await asyncio.get_running_loop().create_unix_connection(ClientEnd, self._path)
                except OSError as error:
                    raise CallError(Status.UNAVAILABLE, f"nobody listens any more: {error}") from error
            return self._end

    def close(self) -> None:
        """Give up what is asked."""
        if self._end is not None:
            self._end.transport.close()
