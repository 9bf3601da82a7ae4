"""The host as a process: who gets in, when it ends, and what is left when it is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from butai.datafolder import FolderLock, write_json
from butai.terraform.accelerator import crashes
from butai.terraform.accelerator.client import HostClient, HostError
from butai.terraform.accelerator.host import LOOK_EVERY_S
from support.processes import lives
from support.toy_plugin import command
from support.toy_stage import configure, environment, request, toy_binary

SERVICE = "/tfplugin5.Provider/"


def wait_until(done: Callable[[], object], wait_s: float = 15) -> None:
    deadline = time.monotonic() + wait_s
    while not done():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


class Machine:
    """A data folder with a worker that holds its lock, and runs that hold theirs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = HostClient(folder / "providers")
        self.worker = FolderLock(folder / "worker.lock")
        assert self.worker.try_take()
        self.held: dict[str, FolderLock] = {}

    def let_in(self, run: str) -> str:
        """A run's socket; its lock is held."""
        until = self.folder / f"{run}.lock"
        self.held[run] = FolderLock(until)
        assert self.held[run].try_take()
        entry = self.host.let_in(
            run,
            toy_binary(self.folder),
            environment(self.folder),
            root=self.folder / "root",
            names=None,
            until=until,
            keeper=self.worker.path,
        )
        assert (entry["Protocol"], entry["ProtocolVersion"], entry["Test"]) == ("grpc", 5, True)
        return str(entry["Addr"]["String"])

    def leave(self, run: str) -> None:
        """The run ends; the host has seen it meanwhile, else it would wait for its arrival."""
        time.sleep(LOOK_EVERY_S + 0.2)
        self.held[run].release()

    def ask(self, address: str, method: str, message: bytes) -> bytes:
        own = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"unix:{address}", options=own) as channel:
            set_up: Any = channel.unary_unary(f"{SERVICE}Configure")
            set_up(configure("a"), timeout=20)
            called: Any = channel.unary_unary(SERVICE + method)
            answer: bytes = called(message, timeout=20)
            return answer

    def status(self) -> dict[str, Any]:
        found = self.host.status()
        assert found is not None, (self.folder / "providers" / "host.log").read_text()
        return found

    def sockets(self) -> Path:
        return self.host._control().parent

    def close(self) -> None:
        self.worker.release()
        for each in self.held.values():
            each.release()
        for process in self.processes("accelerator.host"):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        wait_until(lambda: not self.processes())
        self.host.crashed_lately()

    def processes(self, kind: str = "/") -> list[psutil.Process]:
        """Every living process that was begun for this folder and has this in its command."""
        return [each for each in psutil.process_iter() if each.pid != os.getpid() and kind in self._command(each)]

    def _command(self, process: psutil.Process) -> str:
        """Its command; something that nothing is in, if it is not of this folder."""
        try:
            command = " ".join(process.cmdline())
            return command if str(self.folder) in command or self._is_toy(process) else "-"
        except psutil.Error:
            return "-"

    def _is_toy(self, process: psutil.Process) -> bool:
        return process.environ().get("TOY_FOLDER") == str(self.folder)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


def test_a_run_gets_a_socket_which_is_there_as_long_as_the_run(machine: Machine) -> None:
    address = machine.let_in("run-1")
    assert machine.ask(address, "ReadResource", request())
    status = machine.status()
    assert status["runs"] == ["run-1"] and [each["configured"] for each in status["providers"]] == [True]
    machine.leave("run-1")
    wait_until(lambda: not machine.status()["runs"])
    assert not Path(address).exists() and machine.status()["providers"], "the next run finds the provider warm"


def test_another_user_cannot_enter(machine: Machine) -> None:
    address = Path(machine.let_in("run-1"))
    for each in (address.parent, machine.folder / "providers", *address.parent.glob("p*")):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    if os.geteuid() == 0:
        told = f"socket.socket(socket.AF_UNIX).connect({str(address)!r})"
        tried = subprocess.run(
            [sys.executable, "-I", "-S", "-c", f"import os, socket; os.setgid(65534); os.setuid(65534); {told}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "PermissionError" in tried.stderr


def test_it_ends_with_its_providers_once_nobody_needs_it(machine: Machine) -> None:
    address = machine.let_in("run-1")
    machine.ask(address, "ReadResource", request())
    host = psutil.Process(machine.status()["pid"])
    machine.worker.release()
    time.sleep(0.7)
    assert machine.status()["runs"] == ["run-1"], "a run still uses it"
    sockets = machine.sockets()
    machine.held["run-1"].release()
    wait_until(lambda: not lives(host.pid))
    wait_until(lambda: not machine.processes())
    assert not sockets.exists()
    assert not (machine.folder / "providers" / "host.json").exists()
    assert not machine.host.crashed_lately(), "it ended as it should"


def test_a_worker_that_goes_ends_it_at_once_or_with_its_last_run(machine: Machine) -> None:
    machine.let_in("run-1")
    machine.host.end_when_unused()
    assert machine.status()["runs"] == ["run-1"]
    machine.leave("run-1")
    wait_until(lambda: machine.host.status() is None)
    wait_until(lambda: not machine.processes())


def test_a_worker_that_goes_with_its_last_run_leaves_nothing_behind(machine: Machine) -> None:
    machine.let_in("run-1")
    machine.leave("run-1")
    machine.host.end_when_unused()
    assert machine.host.status() is None
    wait_until(lambda: not machine.processes())


def test_a_run_that_comes_after_a_workers_farewell_keeps_it(machine: Machine) -> None:
    machine.let_in("run-1")
    machine.host.end_when_unused()
    machine.let_in("run-2")
    machine.leave("run-1")
    wait_until(lambda: machine.status()["runs"] == ["run-2"])
    machine.leave("run-2")
    wait_until(lambda: not machine.status()["runs"])
    machine.host.end_when_unused()
    assert machine.host.status() is None


def test_many_clients_that_start_it_at_once_get_one(machine: Machine) -> None:
    addresses: list[str] = []
    threads = [
        threading.Thread(target=lambda n=each: addresses.append(machine.let_in(f"run-{n}"))) for each in range(6)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(addresses)) == 6 and len({Path(each).parent for each in addresses}) == 1
    assert sorted(machine.status()["runs"]) == [f"run-{each}" for each in range(6)]
    wait_until(lambda: len(machine.processes("accelerator.host")) == 1)
    assert len(machine.status()["providers"]) == 1


def test_a_killed_host_leaves_nothing_and_the_next_runs_go_the_plain_way(machine: Machine) -> None:
    address = machine.let_in("run-1")
    machine.ask(address, "ReadResource", request())
    sockets, host = machine.sockets(), psutil.Process(machine.status()["pid"])
    host.kill()
    wait_until(lambda: not machine.processes())
    with pytest.raises(grpc.RpcError):
        machine.ask(address, "ReadResource", request())
    assert [machine.host.crashed_lately() for _ in range(5)] == [True, True, True, False, False]
    assert not sockets.exists(), "sockets and the provider's words are gone"
    again = machine.let_in("run-2")
    assert machine.ask(again, "ReadResource", request()) and not machine.host.crashed_lately()


def test_a_host_that_starts_after_a_killed_one_cleans_up_too(machine: Machine) -> None:
    machine.let_in("run-1")
    sockets = machine.sockets()
    psutil.Process(machine.status()["pid"]).kill()
    machine.let_in("run-2")
    assert not sockets.exists() and machine.sockets().exists()
    assert [machine.host.crashed_lately() for _ in range(4)] == [True, True, True, False]
    assert machine.status()["runs"] == ["run-2"], "asking leaves a living host alone"


def test_a_provider_that_dies_is_noted_and_replaced(machine: Machine) -> None:
    address = machine.let_in("run-1")
    machine.ask(address, "ReadResource", request())
    (provider,) = machine.status()["providers"]
    os.kill(provider["pid"], signal.SIGKILL)
    wait_until(lambda: crashes.lately(machine.folder / "providers"))
    assert machine.ask(address, "ReadResource", request())
    (other,) = machine.status()["providers"]
    assert other["pid"] != provider["pid"]


def test_a_process_of_a_runs_own_folder_ends_with_the_run(machine: Machine) -> None:
    (machine.folder / "root").mkdir()
    (machine.folder / "root" / "x.txt").touch()
    address = machine.let_in("run-1")
    told = command(machine.ask(address, "ReadResource", request(planned="./x.txt")))
    assert told["cwd"] == str(machine.folder / "root") and len(machine.processes("toy_plugin")) == 2
    machine.leave("run-1")
    wait_until(lambda: len(machine.processes("toy_plugin")) == 1)
    assert told["pid"] not in [each["pid"] for each in machine.status()["providers"]]


def test_a_provider_that_does_not_start_is_told_before_the_run_begins(machine: Machine) -> None:
    toy_binary(machine.folder).path.write_text("#!/bin/sh\necho no; exit 7\n")
    begun = time.monotonic()
    with pytest.raises(HostError, match=r"does not start in its debug mode \(exit 7\)"):
        machine.let_in("run-1")
    assert time.monotonic() - begun < 10 and not machine.status()["runs"]
    assert not list(machine.sockets().glob("p*"))


@pytest.mark.parametrize("line", [b"\n", b"no json\n", b"[]\n", b'{"do": "what"}\n', b'{"do": "let-in"}\n', b""])
def test_nonsense_on_its_control_socket_harms_nobody(machine: Machine, line: bytes) -> None:
    machine.let_in("run-1")
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(machine.host._control()))
        control.sendall(line)
        control.shutdown(socket.SHUT_WR)
        control.settimeout(5)
        assert control.recv(1000)[:10] in (b"", b'{"error": ')
    assert machine.status()["runs"] == ["run-1"]


def test_without_a_host_there_is_no_answer_but_a_word(tmp_path: Path) -> None:
    host = HostClient(tmp_path / "providers")
    assert host.status() is None and not host.crashed_lately()
    host.end_when_unused()
    with pytest.raises(HostError):
        host.ask({"do": "status"})
    (tmp_path / "providers").mkdir()
    write_json(tmp_path / "providers" / "host.json", {"sockets": str(tmp_path / "gone"), "pid": 1})
    assert host.status() is None and host.crashed_lately()
