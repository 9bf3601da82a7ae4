"""Redis: the menu, and what the services tell each other."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from menu import Node

MENU = "menu"
DELIVERED = Path(__file__).with_name("menu.json")
LONGEST_PAUSE_S = 2.0


class MenuMissingError(Exception):
    """Redis answers, but the menu is not there yet."""


def connect() -> redis.Redis:
    """A client of the environment's Redis. It connects with the first command, and once more when that fails."""
    return redis.Redis(
        host=os.environ.get("REDIS_HOST", "127.0.0.1"),
        port=int(os.environ.get("REDIS_PORT", "6379")),
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=5,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), retries=1),
    )


def menu_of(database: redis.Redis) -> Node:
    """The menu. Raises MenuMissingError before it is there."""
    text = database.get(MENU)
    if text is None:
        raise MenuMissingError("The menu is not there yet.")
    return dict(json.loads(text))


class Seed(threading.Thread):
    """Writes the delivered menu into Redis, as soon as Redis answers.

    In a thread of its own: the service listens at once and tells its health, however long a new Redis takes. What is
    there already is replaced where it differs: nothing but this writes it, so another version of the api must not
    go on with the menu of the last one.
    """

    def __init__(self, database: redis.Redis) -> None:
        super().__init__(name="seed", daemon=True)
        self._database = database

    def run(self) -> None:
        """Try until it is done."""
        pause_s = 0.05
        while not self._written():
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _written(self) -> bool:
        delivered = DELIVERED.read_text()
        try:
            if self._database.get(MENU) != delivered:
                self._database.set(MENU, delivered)
                print("menu written", flush=True)
        except redis.RedisError as error:
            print(f"Redis does not answer yet: {error}", flush=True)
            return False
        return True
