"""A fault of Butai's own, answered inside the gate: its page has the same strict headers as every other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Faults:
    """ASGI middleware. `answer` shows the exception without its text; a begun answer can only be cut off."""

    app: ASGIApp
    answer: Callable[[Request, Exception], Response]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, and answer what nobody else answered."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            if begun:
                raise
            await self.answer(Request(scope, receive), error)(scope, receive, send)
