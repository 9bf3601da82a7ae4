"""Counts finished calls, one after the other, until SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import redis

from counting import counts

FINISHED, COUNTING, CHANGES = "calls:finished", "calls:counting", "calls:changes"
STATISTICS, VERSION = "statistics", "worker:version"
WAIT_S = 5
# The version is written each time the worker looks; three looks missed mean that it is gone.
ALIVE_S = 3 * WAIT_S
PAUSE_S = 0.5


def main() -> None:
    """Work until SIGTERM. Redis may come later, and may go away in between."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    database = connect()
    version = os.environ.get("IVR_VERSION", "")
    print(f"worker {version} of {os.environ.get('IVR_ENVIRONMENT', 'none')} starts", flush=True)
    while True:
        try:
            work(database, version)
        except redis.RedisError as error:
            print(f"Redis does not answer: {error}", flush=True)
            time.sleep(PAUSE_S)


def connect() -> redis.Redis:
    """A client of the environment's Redis; a read may wait as long as a look at the list does."""
    return redis.Redis(
        host=os.environ.get("REDIS_HOST", "127.0.0.1"),
        port=int(os.environ.get("REDIS_PORT", "6379")),
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=2 * WAIT_S,
    )


def work(database: redis.Redis, version: str) -> None:
    """Count what an earlier worker left, then every call as it comes. Ends with a RedisError only."""
    for text in database.lrange(COUNTING, 0, -1):
        count(database, text)
    while True:
        database.set(VERSION, version, ex=ALIVE_S)
        text = database.blmove(FINISHED, COUNTING, WAIT_S, "LEFT", "RIGHT")
        if text is not None:
            count(database, text)


def count(database: redis.Redis, text: str) -> None:
    """Add one call to the statistics and remove it from the list: both or neither."""
    call = json.loads(text)
    with database.pipeline() as batch:
        for field, number in counts(call).items():
            batch.hincrby(STATISTICS, field, number)
        batch.lrem(COUNTING, 1, text).incr(CHANGES).execute()
    print(f"call {call['id']} counted: {call['end']} after {call['ended'] - call['started']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
