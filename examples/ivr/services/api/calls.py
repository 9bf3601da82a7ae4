"""Calls in Redis: each under a key of its own, the latest in a list, the finished ones in a list for the worker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import redis

import menu
from menu import Node, Step

Call = dict[str, Any]

LATEST, FINISHED, CHANGES = "calls:latest", "calls:finished", "calls:changes"
KEPT = 100
KEPT_S = 30 * 24 * 3600


class CallEndedError(Exception):
    """The call is over: no key can be pressed any more."""


def begin(database: redis.Redis, tree: Node, caller: str, source: str) -> Call:
    """A new call, at the main menu."""
    number = 1000 + int(database.incr("calls:count"))
    call = {"id": str(number), "caller": caller, "source": source, "started": time.time(), "ended": None}
    call |= _standing(tree, menu.start(tree))
    with database.pipeline() as batch:
        _save(batch, call)
        batch.lpush(LATEST, call["id"]).ltrim(LATEST, 0, KEPT - 1).execute()
    return call


def press(database: redis.Redis, tree: Node, call_id: str, digit: str) -> Call:
    """Press a key. Raises LookupError for an unknown call, CallEndedError for one that is over."""

    def pressed(call: Call) -> Call:
        step = menu.press(tree, call["path"], call["misses"], digit)
        return {**call, **_standing(tree, step), "ended": time.time() if step.end else None}

    return _change(database, call_id, pressed)


def hang_up(database: redis.Redis, call_id: str) -> Call:
    """The caller ends the call. Raises LookupError and CallEndedError like `press`."""
    return _change(database, call_id, lambda call: {**call, "end": "hung up", "ended": time.time()})


def latest(database: redis.Redis) -> list[Call]:
    """The latest calls, newest first."""
    ids = database.lrange(LATEST, 0, KEPT - 1)
    texts = database.mget([_key(call_id) for call_id in ids]) if ids else []
    return [json.loads(text) for text in texts if text is not None]


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


def _change(database: redis.Redis, call_id: str, change: Callable[[Call], Call]) -> Call:
    """Read, change and write one call; anew when somebody else has written it in between, so that it ends once."""

    def attempt(batch: redis.client.Pipeline) -> Call:
        text = batch.get(_key(call_id))
        if text is None:
            raise LookupError(f"There is no call {call_id}.")
        call: Call = json.loads(text)
        if call["ended"]:
            raise CallEndedError(f"Call {call_id} is over.")
        call = change(call)
        batch.multi()
        _save(batch, call)
        if call["ended"]:
            batch.rpush(FINISHED, json.dumps(call))
        return call

    changed: Call = database.transaction(attempt, _key(call_id), value_from_callable=True)
    return changed


def _save(batch: redis.client.Pipeline, call: Call) -> None:
    batch.set(_key(call["id"]), json.dumps(call), ex=KEPT_S)
    batch.incr(CHANGES)


def _key(call_id: str) -> str:
    return f"call:{call_id}"
