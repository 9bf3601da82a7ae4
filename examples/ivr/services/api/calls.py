"""Calls in PostgreSQL; through Redis the worker hears of finished ones, and readers of changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import psycopg
import redis
from psycopg.types.json import Jsonb

import menu
from menu import Node, Step

Call = dict[str, Any]
Connect = Callable[[], psycopg.Connection[Any]]

FINISHED, CHANGES = "calls:finished", "calls:changes"
SHOWN = 100


class CallEndedError(Exception):
    """The call is over: no key can be pressed any more."""


class Calls:
    """The log of calls. A connection a request: nobody holds one while a caller thinks."""

    def __init__(self, connect: Connect, messages: redis.Redis) -> None:
        self._connect, self._messages = connect, messages

    def begin(self, tree: Node, caller: str, source: str) -> Call:
        """A new call, at the main menu."""
        with self._connect() as connection:
            known = connection.execute("SELECT name FROM customers WHERE number = %s", [caller]).fetchone()
            call: Call = {"caller": caller, "source": source, "started": time.time(), "ended": None}
            call["name"] = known and known[0]
            call |= _standing(tree, menu.start(tree))
            row = connection.execute("INSERT INTO calls (call) VALUES (%s) RETURNING id", [Jsonb(call)]).fetchone()
        self._messages.incr(CHANGES)
        return {"id": str(row[0]), **call} if row else call

    def press(self, tree: Node, call_id: str, digit: str) -> Call:
        """Press a key. Raises LookupError for an unknown call, CallEndedError for one that is over."""

        def pressed(call: Call) -> Call:
            step = menu.press(tree, call["path"], call["misses"], digit)
            return {**call, **_standing(tree, step), "ended": time.time() if step.end else None}

        return self._change(call_id, pressed)

    def hang_up(self, call_id: str) -> Call:
        """The caller ends the call. Raises LookupError and CallEndedError like `press`."""
        return self._change(call_id, lambda call: {**call, "end": "hung up", "ended": time.time()})

    def latest(self) -> list[Call]:
        """The latest calls, newest first."""
        with self._connect() as connection:
            rows = connection.execute("SELECT id, call FROM calls ORDER BY id DESC LIMIT %s", [SHOWN]).fetchall()
        return [{"id": str(number), **call} for number, call in rows]

    def _change(self, call_id: str, change: Callable[[Call], Call]) -> Call:
        """Read, change and write one call; whoever else wants to change it waits, so that it ends once."""
        with self._connect() as connection:
            row = connection.execute("SELECT call FROM calls WHERE id = %s FOR UPDATE", [int(call_id)]).fetchone()
            if row is None:
                raise LookupError(f"There is no call {call_id}.")
            if row[0]["ended"]:
                raise CallEndedError(f"Call {call_id} is over.")
            call = change(row[0])
            connection.execute("UPDATE calls SET call = %s WHERE id = %s", [Jsonb(call), int(call_id)])
            if call["ended"]:
                # Before the commit: a call that was counted and did not end can be told from the log, one that ended
                # and was never counted cannot.
                self._messages.rpush(FINISHED, json.dumps({"id": call_id, **call}))
        self._messages.incr(CHANGES)
        return {"id": call_id, **call}


def _standing(tree: Node, step: Step) -> Call:
    here = menu.node_at(tree, step.path)
    choices = [{"digit": digit, "title": node["title"]} for digit, node in here.get("keys", {}).items()]
    return {
        "path": list(step.path),
        "titles": menu.titles(tree, step.path),
        "say": step.say,
        "choices": [] if step.end else choices,
        "misses": step.misses,
        "end": step.end,
    }
