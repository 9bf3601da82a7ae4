"""Access keys that expire after seconds: a profile whose program hands them out, and a way to an AWS that refuses old ones."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import NamedTuple

import httpx

from support.way import Asked, Way

# Its id says until when a key is valid. A profile's program may be asked by any number of processes.
_PROGRAM = """\
import json, sys, time
until = int(time.time()) + int(sys.argv[1])
moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
print(json.dumps({
    "Version": 1, "AccessKeyId": f"ASIA{until:016d}", "SecretAccessKey": "test", "SessionToken": "test", "Expiration": moment,
}))
"""
_REFUSAL = b'{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}'
# What is signed in a key's last moment arrives later.
_ON_ITS_WAY_S = 3.0


def short_profile(folder: Path, lasts_s: int) -> dict[str, str]:
    """Variables that name a profile, whose keys last so many seconds."""
    program, config = folder / "keys.py", folder / "config"
    program.write_text(_PROGRAM)
    command = shlex.join([sys.executable, "-I", "-S", str(program), str(lasts_s)])
    config.write_text(f"[profile short]\ncredential_process = {command}\n")
    return {"AWS_PROFILE": "short", "AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}


def key_until(moment: float) -> dict[str, str]:
    """Variables with a key that is valid until then, in seconds since 1970."""
    return {
        "AWS_ACCESS_KEY_ID": f"ASIA{int(moment):016d}",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
    }


class Use(NamedTuple):
    """A key with which something was asked, and whether it was refused."""

    key: str
    refused: bool


class KeyWatch(Way):
    """Refuses what is signed with a key that has expired, as AWS does. `expired`: keys that do before their time."""

    def __init__(self, target: str) -> None:
        self.uses: list[Use] = []
        self.expired: set[str] = set()
        super().__init__(target)

    def instead(self, asked: Asked) -> httpx.Response | None:
        """AWS's refusal of an old key."""
        until = int(asked.key.removeprefix("ASIA"))
        refused = asked.key in self.expired or time.time() > until + _ON_ITS_WAY_S
        self.uses.append(Use(asked.key, refused))
        if not refused:
            return None
        return httpx.Response(400, headers={"Content-Type": "application/x-amz-json-1.1"}, content=_REFUSAL)
