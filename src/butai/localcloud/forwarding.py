"""One request on its way: the rule that it falls under, the target whose turn it is, and both bodies as streams."""

from __future__ import annotations

import asyncio
import html
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import httpx

from butai.localcloud.routes import Routes
from butai.localcloud.rules import FixedResponse, Forward, Redirect, choose, host_of, location, pick_group
from butai.loopback import LOOPBACK

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

# RFC 9110, 7.6.1, and Expect, which the router's own server has answered already.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding "
    b"upgrade expect".split()
)
CONNECT_S = 5.0
IDLE_S = 60.0  # an Application Load Balancer's default idle timeout


class Listener:
    """The ASGI application of one listener port. `routes` gives the newest look at the load balancers."""

    def __init__(self, port: int, routes: Callable[[], Routes], idle_s: float = IDLE_S) -> None:
        self.port, self.routes, self.idle_s = port, routes, idle_s
        self._turns = itertools.count()
        # A connection of its own for each request: one that is kept may be closed by the target just as it is used
        # again, and a new one on loopback costs next to nothing.
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0), trust_env=False
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http"
        routes = self.routes()
        host = host_of(_header(scope["headers"], b"host"))
        rule = choose(routes.rules.get(self.port, ()), host, _path(scope))
        if rule is None:
            await _page(send, 404, "No listener rule", "No rule of this load balancer fits the request.")
        elif isinstance(rule.action, FixedResponse):
            body = rule.action.body.encode()
            await _answer(send, rule.action.status, [(b"content-type", rule.action.content_type.encode())], body)
        elif isinstance(rule.action, Redirect):
            await self._redirect(rule.action, host, scope, send)
        elif isinstance(rule.action, Forward):
            await self._forward(rule.action, routes, scope, receive, send)
        else:
            await _page(send, 501, "Not supported", f"The local cloud has no listener action {rule.action.name}.")

    async def close(self) -> None:
        """Let go of the targets."""
        await self._transport.aclose()

    async def _redirect(self, action: Redirect, host: str, scope: Scope, send: Send) -> None:
        query = scope["query_string"].decode("latin-1")
        target = location(action, protocol="http", host=host, port=self.port, path=_path(scope), query=query)
        await _answer(send, action.status, [(b"location", target.encode("latin-1", "replace"))], b"")

    async def _forward(self, action: Forward, routes: Routes, scope: Scope, receive: Receive, send: Send) -> None:
        turn = next(self._turns)
        arn = pick_group(action, turn)
        group = routes.groups.get(arn or "")
        if group is None:
            await _page(send, 503, "No target group", "The target group of this rule does not exist.")
        elif not group.ports:
            behind = ", ".join(group.services) or "none"
            text = f"Target group {group.name} has no healthy target. Service behind it: {behind}."
            await _page(send, 503, "No healthy target", text)
        else:
            await self._exchange(group.ports[turn % len(group.ports)], scope, receive, send)

    async def _exchange(self, port: int, scope: Scope, receive: Receive, send: Send) -> None:
        upload = Upload(scope, receive)
        try:
            response = await self._transport.handle_async_request(self._request(port, scope, upload))
        except httpx.TimeoutException:
            await _page(send, 504, "Gateway timeout", "The target did not answer in time.")
        except ClientGoneError:
            return
        except httpx.TransportError:
            await _page(send, 502, "Bad gateway", "The target refused the connection or broke it off.")
        else:
            await _relay(response, upload, send)

    def _request(self, port: int, scope: Scope, upload: Upload) -> httpx.Request:
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        timeout = httpx.Timeout(self.idle_s, connect=CONNECT_S).as_dict()
        return httpx.Request(
            scope["method"],
            f"http://{LOOPBACK}:{port}/",
            headers=self._headers(scope),
            content=upload.chunks() if upload.expected else None,
            # The target goes through as it came: httpx would write it in its own way.
            extensions={"target": target, "timeout": timeout},
        )

    def _headers(self, scope: Scope) -> Headers:
        client = scope["client"][0] if scope.get("client") else LOOPBACK
        kept = end_to_end(scope["headers"])
        before = [value for name, value in kept if name.lower() == b"x-forwarded-for"]
        ours = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port")
        kept = [(name, value) for name, value in kept if name.lower() not in ours]
        forwarded = b", ".join([*before, client.encode()])
        return [*kept, *zip(ours, (forwarded, b"http", str(self.port).encode()), strict=True)]


class ClientGoneError(Exception):
    """The client broke off while its request's body was still on the way."""


class Upload:
    """A request's body, and afterwards the watch for the client's leaving: both come from `receive`."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        names = {name.lower() for name, _ in scope["headers"]}
        self.expected = b"content-length" in names or b"transfer-encoding" in names
        self._receive = receive
        self._read = asyncio.Event()
        if not self.expected:
            self._read.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes in. Raises ClientGoneError."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]
        self._read.set()

    async def client_gone(self) -> None:
        """Return when the client has left."""
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _relay(response: httpx.Response, upload: Upload, send: Send) -> None:
    """Pass a response on until it ends, breaks, or nobody is there any more to read it.

    A broken one is left without its end, by which the server closes the connection: the client can tell.
    """
    passing = asyncio.create_task(_pass_on(response, send))
    watching = asyncio.create_task(upload.client_gone())
    try:
        await asyncio.wait({passing, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (passing, watching):
            task.cancel()
        await asyncio.gather(passing, watching, return_exceptions=True)
        await response.aclose()


async def _pass_on(response: httpx.Response, send: Send) -> None:
    headers = end_to_end(response.headers.raw)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers that go through: not those of the connection, nor those that `Connection` names."""
    headers = list(headers)
    named = b",".join(value for name, value in headers if name.lower() == b"connection")
    dropped = _HOP_BY_HOP | {word.strip().lower() for word in named.split(b",")}
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == wanted), "")


def _path(scope: Scope) -> str:
    raw: bytes = scope["raw_path"]
    return raw.decode("latin-1")


async def _page(send: Send, status: int, title: str, text: str) -> None:
    """A small plain page; what it says may hold names that people chose, so they are shown as text."""
    title, text = html.escape(f"{status} {title}"), html.escape(text)
    page = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{text}</p>\n"
    await _answer(send, status, [(b"content-type", b"text/html; charset=utf-8")], page.encode())


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode()), (b"server", b"local-cloud")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
