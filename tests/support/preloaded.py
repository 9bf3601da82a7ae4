"""Our own programs as processes that are there in milliseconds: forked from one that has loaded them already.

Loading `butai worker` costs more than a second of a core, `butai serve` and the local cloud two; the tests start hundreds.
What is forked runs the same module as `python -m` would, with arguments, environment, folder and files of its own.
The tests of the demo start the real thing: the server, the worker, the local cloud and commands.
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import setproctitle

# moto changes botocore where it is loaded: a worker must not have it.
LOADS = {
    "butai": ("butai.cli", "butai.worker", "butai.serve", "butai.client"),
    "butai.localcloud": ("butai.localcloud.__main__",),
    "moto.server": ("moto.server",),
}
AT_MOST = 150_000
ROOM_FOR_A_TITLE = "." * 2000
_nests: dict[str, _Nest] = {}
_turn = threading.Lock()


class Preloaded(subprocess.Popen[Any]):
    """`Popen(["python", "-m", MODULE, ...])` for a module of `LOADS`, forked instead of started anew."""

    def _execute_child(self, *told: Any) -> None:
        given = inspect.signature(subprocess.Popen._execute_child).bind(self, *told).arguments  # type: ignore[attr-defined]
        module = given["args"][2]
        files = [_or_own(given[name], own) for name, own in (("p2cread", 0), ("c2pwrite", 1), ("errwrite", 2))]
        request = {
            "arguments": [str(each) for each in given["args"][3:]],
            "environment": dict(os.environ if given["env"] is None else given["env"]),
            "folder": os.fspath(given["cwd"] or Path.cwd()),
            "session": bool(given["start_new_session"]),
        }
        with _turn:
            if module not in _nests:
                _nests[module] = _Nest(module)
        self._nest = _nests[module]
        self.pid = self._nest.ask(request, files)["pid"]
        self._child_created = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[end] for end in ends))  # type: ignore[attr-defined]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            self.returncode = self._nest.ask({"ended": self.pid}, [])["code"]
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        until = time.monotonic() + timeout if timeout is not None else float("inf")
        pause = 0.001
        while (code := self._internal_poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return code


def run(arguments: list[str], **given: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run(..., capture_output=True, text=True)`."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with Preloaded(arguments, **{"text": True, **pipes, **given}) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def _or_own(file: int, own: int) -> int:
    return own if file == -1 else file


class _Nest:
    """The process that has loaded a module and is forked from."""

    def __init__(self, module: str) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        # Whoever starts it may have been set up for a test of its own; each fork is told the whole of its environment.
        own = {name: value for name, value in os.environ.items() if not name.startswith(("BUTAI_", "AWS_"))}
        path = os.pathsep.join([str(Path(__file__).parents[1]), own.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.preloaded", module, str(theirs.fileno()), ROOM_FOR_A_TITLE],
            env={**own, "PYTHONPATH": path.rstrip(os.pathsep)},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()

    def ask(self, request: dict[str, Any], files: list[int]) -> Any:
        """One question, one answer."""
        with self._turn:
            socket.send_fds(self._channel, [json.dumps(request).encode()], files)
            answer = self._channel.recv(AT_MOST)
        assert answer, "the process that others are forked from is gone"
        return json.loads(answer)


def serve(channel: socket.socket) -> dict[str, Any]:
    """Fork until nobody asks any more; comes back in a fork alone, with what it is to be."""
    ended: dict[int, int] = {}
    while True:
        message, files, _, _ = socket.recv_fds(channel, AT_MOST, 3)
        if not message:
            _leave()
        request: dict[str, Any] = json.loads(message)
        if "ended" in request:
            answer = {"code": _code(request["ended"], ended)}
        else:
            if (pid := os.fork()) == 0:
                channel.close()
                return {**request, "files": files}
            for file in files:
                os.close(file)
            answer = {"pid": pid}
        channel.send(json.dumps(answer).encode())


def _code(pid: int, ended: dict[int, int]) -> int | None:
    """How a fork ended; nothing while it lives."""
    if pid not in ended:
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended.get(pid)


def _leave() -> NoReturn:
    os._exit(0)


def become(module: str, told: dict[str, Any]) -> None:
    """Be what was asked for, as if started anew."""
    if told["session"]:
        os.setsid()
    os.chdir(told["folder"])
    for here, there in zip(told["files"], (0, 1, 2), strict=True):
        os.dup2(here, there)
    os.closerange(3, max(told["files"]) + 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(told["environment"])
    time.tzset()
    sys.argv = [module, *told["arguments"]]
    setproctitle.setproctitle(" ".join([sys.executable, "-m", module, *told["arguments"]]))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    """`python -m support.preloaded MODULE DESCRIPTOR ROOM`."""
    module, channel = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["SPT_NOENV"] = "1"
    setproctitle.setproctitle(f"support.preloaded {module}")
    for each in LOADS[module]:
        __import__(each)
    # Sources of their own would give every fork the same numbers: moto makes its ids of one.
    sources = [each for each in gc.get_objects() if isinstance(each, random.Random)]
    gc.freeze()
    told = serve(channel)
    for source in sources:
        source.seed()
    become(module, told)


if __name__ == "__main__":
    main()
