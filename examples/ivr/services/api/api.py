"""What the api answers, request by request."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import redis

import calls
import menu
from calls import Calls, Connect
from store import menu_of

CALLER = re.compile(r"[0-9+() -]{3,20}")
STATISTICS, WORKER_VERSION = "statistics", "worker:version"


class RequestError(Exception):
    """The request cannot be answered: HTTP status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Api:
    """Every answer is a mapping that becomes JSON; `body` is the request's, `headers` too."""

    def __init__(self, store: redis.Redis, connect: Connect, environ: Mapping[str, str] = os.environ) -> None:
        self.store, self.calls = store, Calls(connect, store)
        self._hours = environ.get("OPENING_HOURS", "9:00 to 18:00")
        self._token = environ.get("CALLBACK_TOKEN", "")
        self.about = {"environment": environ.get("IVR_ENVIRONMENT", "none"), "version": environ.get("IVR_VERSION", "")}

    def health(self, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        """Of this service, and the version of the worker while that is alive.

        PostgreSQL is left out: it is shared, and to start tasks anew would not bring it back.
        """
        self._menu()
        return {**self.about, "worker_version": self.store.get(WORKER_VERSION)}

    def get_menu(self, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        """The menu as callers hear it."""
        return self._menu()

    def begin_call(self, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        """Begin a call."""
        caller = _text(body, "caller")
        if not CALLER.fullmatch(caller):
            raise RequestError(422, "`caller` must be a telephone number.")
        return self.calls.begin(self._menu(), caller, self._source(headers))

    def press_key(self, body: Any, headers: Mapping[str, str], call_id: str) -> dict[str, Any]:
        """Press a key."""
        digit = _text(body, "digit")
        if len(digit) != 1 or digit not in menu.KEYS:
            raise RequestError(422, f"`digit` must be one of {menu.KEYS}.")
        return self.calls.press(self._menu(), call_id, digit)

    def end_call(self, body: Any, headers: Mapping[str, str], call_id: str) -> dict[str, Any]:
        """Hang up."""
        return self.calls.hang_up(call_id)

    def latest_calls(self, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        """The latest calls."""
        return {"calls": self.calls.latest()}

    def statistics(self, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
        """What the worker has counted, `group:name` -> number, as group -> name -> number."""
        groups: dict[str, dict[str, int]] = {}
        for field, count in self.store.hgetall(STATISTICS).items():
            group, _, name = field.partition(":")
            groups.setdefault(group, {})[name] = int(count)
        return groups

    def changes(self) -> str:
        """Another text whenever a call or a count has changed."""
        return str(self.store.get(calls.CHANGES))

    def _menu(self) -> menu.Node:
        return menu.spoken(menu_of(self.store), opening_hours=self._hours)

    def _source(self, headers: Mapping[str, str]) -> str:
        given = headers.get("X-Carrier-Token")
        if given is None:
            return "simulator"
        if not self._token or not hmac.compare_digest(given.encode(), self._token.encode()):
            raise RequestError(403, "The carrier's token is wrong.")
        return "carrier"


def _text(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise RequestError(422, f"`{name}` is missing.")
    return value


Answer = Callable[..., dict[str, Any]]

# The first that fits; what stands in brackets is given to the method.
ROUTES: list[tuple[str, str, Answer]] = [
    ("GET", "/api/health", Api.health),
    ("GET", "/api/menu", Api.get_menu),
    ("GET", "/api/calls", Api.latest_calls),
    ("GET", "/api/stats", Api.statistics),
    ("POST", "/api/calls", Api.begin_call),
    ("POST", r"/api/calls/(\d+)/press", Api.press_key),
    ("POST", r"/api/calls/(\d+)/end", Api.end_call),
]
