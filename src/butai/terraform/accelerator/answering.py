"""The end of a connection that answers, as a provider does: calls come in as bytes, and go out answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from butai.terraform.accelerator import frames
from butai.terraform.accelerator.connection import CallError, End, Status
from butai.terraform.accelerator.frames import FrameError

Answer = Callable[[bytes], Awaitable[bytes]]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Asked:
    """A call that came in: who answers it, and what of its message is there. `task` once that is whole."""

    answer: Answer
    body: bytearray = field(default_factory=bytearray)
    task: asyncio.Task[None] | None = None


class ServerEnd(End[_Asked]):
    """The end that answers. `find`: who answers a path, none where nobody does; `left`: called when the other end is gone.

    A call whose other end gives it up is cancelled, and all of them are when that is gone.
    """

    def __init__(self, find: Callable[[str], Answer | None], left: Callable[[], None]) -> None:
        super().__init__()
        self._find, self._left = find, left
        self._preface = frames.PREFACE

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        for stream in list(self._calls):
            self._reset(stream, frames.CANCEL)
        self._left()

    def _greeted(self, data: bytes) -> bytes:
        if not self._preface:
            return data
        begin, rest = data[: len(self._preface)], data[len(self._preface) :]
        if not self._preface.startswith(begin):
            raise FrameError("it begins otherwise")
        self._preface = self._preface[len(begin) :]
        return rest

    def _told(self, stream: int, told: dict[str, str], *, end: bool) -> None:
        if stream in self._calls:
            raise FrameError("headers behind a question")
        path = told.get(":path", "")
        answer = self._find(path)
        if answer is None:
            self._fail(stream, Status.UNIMPLEMENTED, f"nobody answers {path}")
            if not end:
                self._reset_stream(stream, frames.NO_ERROR)
            return
        self._calls[stream] = _Asked(answer)
        if end:
            self._message(stream, b"", end=True)

    def _message(self, stream: int, part: bytes, *, end: bool) -> None:
        asked = self._calls.get(stream)
        if asked is None or asked.task is not None:
            return
        asked.body += part
        if end:
            asked.task = asyncio.ensure_future(self._answer(stream, asked))

    async def _answer(self, stream: int, asked: _Asked) -> None:
        try:
            answer = await asked.answer(frames.the_message(asked.body))
        except asyncio.CancelledError:
            if stream in self._calls:
                self._fail(stream, Status.CANCELLED, "given up")
            raise
        except CallError as error:
            self._fail(stream, error.status, error.message)
        except FrameError as error:
            self._fail(stream, Status.INTERNAL, str(error))
        except Exception as error:
            _log.exception("a call could not be answered")
            self._fail(stream, Status.UNKNOWN, f"{type(error).__name__}: {error}")
        else:
            behind = frames.headers(stream, frames.DONE, end=True)
            self.send(stream, frames.headers(stream, frames.ANSWERING), answer, behind)
        finally:
            self._calls.pop(stream, None)

    def _fail(self, stream: int, status: int, message: str) -> None:
        self._credits.pop(stream, None)
        self.write(frames.headers(stream, frames.failing(status, message), end=True))

    def _reset(self, stream: int, _: int) -> None:
        asked = self._calls.pop(stream, None)
        if asked is not None and asked.task is not None:
            asked.task.cancel()
