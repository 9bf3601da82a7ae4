"""`butai demo` as a process: the whole product as a newcomer starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

FIRST_START_S = 420
STOP_S = 90


class Demo:
    """One demo on a folder of its own; can be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "demo.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = FIRST_START_S) -> float:
        """Start it and wait until it has printed its addresses; the seconds that took."""
        self.log.write_text("")
        own = {name: value for name, value in os.environ.items() if not name.startswith("BUTAI_")}
        began = time.monotonic()
        with self.log.open("ab") as log:
            argv = [sys.executable, "-m", "butai", "demo", "--data", str(self.folder / "data"), "--no-open"]
            self.process = subprocess.Popen(argv, env=own, stdout=log, stderr=log, start_new_session=True)
        while "Ctrl-C stops" not in self.log.read_text():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() - began < seconds, self.said()
            time.sleep(0.2)
        return time.monotonic() - began

    def said(self) -> str:
        """What the demo and its processes printed."""
        logs = sorted((self.folder / "data" / "logs").glob("*.log"))
        return "\n".join([self.log.read_text(), *(f"== {log.name}\n{log.read_text()[-3000:]}" for log in logs)])

    def stop(self) -> int:
        """Ctrl-C; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_S)

    def processes(self) -> list[psutil.Process]:
        """Every process that the demo started, by the data folder in its environment or command line."""
        found = []
        for process in psutil.process_iter():
            try:
                text = " ".join([*process.cmdline(), *process.environ().values()])
            except (psutil.Error, OSError):
                continue
            if str(self.folder / "data") in text and process.pid != os.getpid():
                found.append(process)
        return found

    @property
    def portal(self) -> str:
        """The portal's address with its one-time key."""
        found = re.findall(r"^Portal\s+(\S+)$", self.log.read_text(), re.M)
        return str(found[-1])

    def butai(self, *argv: str) -> Any:
        """Run a command against the demo's server; its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "butai", "--data", str(self.folder / "data" / "butai"), *argv, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def get(url: str) -> httpx.Response:
    """A page of an environment: the name goes into the Host header, the connection to loopback."""
    return ask("GET", url)


def ask(method: str, url: str, **more: Any) -> httpx.Response:
    """A request to an environment."""
    target = httpx.URL(url)
    headers = {"Host": target.netloc.decode()}
    return httpx.request(
        method, target.copy_with(host="127.0.0.1"), headers=headers, trust_env=False, verify=False, timeout=20, **more
    )
