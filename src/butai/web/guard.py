"""The one gate before every request: right host, right origin, signed in, and a token on whatever changes something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from butai.errors import ButaiError, NotLoggedInError, RefusedError
from butai.text import text
from butai.web.sign_in import SESSION_LIFE_S, SignIn

TOKEN_HEADER, TOKEN_FIELD = "x-butai-token", "token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 1024 * 1024
# Nothing secret is in them, and the page that says "sign in" needs them.
OPEN_PATHS = ("/static/",)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with that browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Answer = Callable[[Request, ButaiError], Response]


def hosts(port: int) -> frozenset[str]:
    """Names under which this server may be asked. Any other is a page elsewhere that had its own name point here."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", "butai.localhost"))


def cookie_name(port: int) -> str:
    """Browsers keep cookies by host and not by port: two servers on one machine need two names."""
    return f"butai_session_{port}"


@dataclass(frozen=True)
class Guard:
    """ASGI middleware. `answer` shows an error as page or JSON."""

    app: ASGIApp
    sign_in: SignIn
    hosts: frozenset[str]
    cookie: str
    answer: Answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through what may go through; answer everything else here."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        send = _with_headers(send, request.url.path)
        if request.headers.get("host", "") not in self.hosts:
            # Before anything else, and without a page: whoever asked is not somebody who should see one.
            await PlainTextResponse("This server does not answer under that name.\n", 421)(scope, receive, send)
            return
        if signed := self._signing_in(request):
            await signed(scope, receive, send)
            return
        try:
            receive = await self._admit(request, receive)
        except ButaiError as error:
            await self.answer(request, error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _signing_in(self, request: Request) -> Response | None:
        """A one-time key in the address becomes a cookie; the address is shown without it."""
        key = request.query_params.get("key")
        if request.method != "GET" or request.url.path != "/" or key is None:
            return None
        session = self.sign_in.redeem(key)
        if session is None:
            return None
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self.cookie, session, max_age=SESSION_LIFE_S, httponly=True, samesite="strict", path="/")
        return answer

    async def _admit(self, request: Request, receive: Receive) -> Receive:
        """Raise unless the request may pass; gives what the application reads the body from."""
        path, headers = request.url.path, request.headers
        if request.method in SAFE and path.startswith(OPEN_PATHS):
            return receive
        if request.method not in SAFE:
            _refuse_foreign(headers, self.hosts)
        kind, _, key = headers.get("authorization", "").partition(" ")
        if kind == "Bearer":
            if not self.sign_in.is_cli_key(key):
                raise NotLoggedInError(
                    text("The key is not this server's."), next=text("Use the server's data folder: `--data`.")
                )
            return receive
        cookie = request.cookies.get(self.cookie, "")
        if not self.sign_in.is_session(cookie):
            raise NotLoggedInError(
                text("You are not signed in."),
                why=text("The address that `butai serve` prints carries a key that signs a browser in once."),
                next=text("Open that address, or run `butai open` for a new one."),
            )
        request.scope.setdefault("state", {})["form_token"] = self.sign_in.form_token(cookie)
        if request.method in SAFE:
            return receive
        body = await _read(receive)
        if not self.sign_in.is_form_token(cookie, _token(headers, body)):
            raise RefusedError(
                text("This form does not come from this portal, or its page is too old."),
                next=text("Load the page again, then send the form again."),
                code="form-token",
            )
        return _replay(body)


def _refuse_foreign(headers: Headers, allowed: frozenset[str]) -> None:
    """A page elsewhere on the web cannot make a browser change anything here."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    foreign_origin = origin is not None and origin.removeprefix("http://") not in allowed
    if foreign_origin or site not in (None, "same-origin", "none"):
        raise RefusedError(
            text("This request comes from another site."), next=text("Use the portal itself."), code="foreign-origin"
        )


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY_BYTES:
            raise RefusedError(text("The form is too large."), next=text("A mebibyte is the most."), code="too-large")
        if not message.get("more_body", False):
            return body


def _token(headers: Headers, body: bytes) -> str:
    if TOKEN_HEADER in headers:
        return headers[TOKEN_HEADER]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode("utf-8", "replace")).get(TOKEN_FIELD, [""])[0]
    return ""


def _replay(body: bytes) -> Receive:
    """The body again, for the application."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _with_headers(send: Send, path: str) -> Send:
    extra = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    # Scripts and sheets are asked for again each time (304 mostly): after an upgrade they must fit the pages.
    extra.append((b"cache-control", b"no-cache" if path.startswith(OPEN_PATHS) else b"no-store"))

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if pair[0] != b"cache-control"]
            message = {**message, "headers": [*kept, *extra]}
        await send(message)

    return sending
