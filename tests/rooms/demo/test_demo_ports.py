"""The demo's ports: nobody else's, the same at every start, and never those of a demo that starts beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import astuple
from pathlib import Path

import pytest

from butai.demo import ports as demo_ports
from butai.demo.ports import Ports, held_ports
from butai.errors import RefusedError
from butai.loopback import bind, listen

# A demo that has chosen its ports, says so, and does not listen on them while its standard input is open.
STARTING = """
import sys
from pathlib import Path
from butai.demo.ports import held_ports
with held_ports(Path(sys.argv[1])) as ports:
    print(ports.portal, ports.listener, ports.cloud, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def rows_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that neither a real demo nor another run of these tests is likely to look at."""
    base = 12_000 + 100 * (os.getpid() % 80)
    monkeypatch.setattr(demo_ports, "FIRST_PORTAL", base + 10)
    monkeypatch.setattr(demo_ports, "FIRST_LISTENER", base + 80)
    monkeypatch.setattr(demo_ports, "FIRST_CLOUD", base + 90)


def test_ports_are_kept(tmp_path: Path) -> None:
    with held_ports(tmp_path / "ports.json") as first:
        pass
    with held_ports(tmp_path / "ports.json") as second:
        assert second == first


def test_a_port_in_use_is_passed_over_with_its_row(tmp_path: Path) -> None:
    with held_ports(tmp_path / "one.json") as ports:
        pass
    with listen(ports.listener), held_ports(tmp_path / "other.json") as others:
        assert not set(astuple(others)) & set(astuple(ports))


def test_a_kept_port_in_use_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    with held_ports(file) as ports:
        pass
    with listen(ports.cloud), pytest.raises(RefusedError, match=f"Port {ports.cloud} is in use"), held_ports(file):
        pass
    with bind(ports.sign), pytest.raises(RefusedError, match=f"Port {ports.sign} is in use"), held_ports(file):
        pass
    with held_ports(file) as again:
        assert again == ports


def test_a_demo_that_is_still_starting_has_its_ports_already(tmp_path: Path) -> None:
    with ExitStack() as stack:
        chosen = [stack.enter_context(held_ports(tmp_path / f"{number}.json")) for number in range(5)]
    numbers = [number for ports in chosen for number in astuple(ports)]
    assert len(set(numbers)) == len(numbers)


def test_demos_that_start_at_once_choose_different_ports(tmp_path: Path) -> None:
    demos = [
        subprocess.Popen(
            [sys.executable, "-c", STARTING, str(tmp_path / f"{number}.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    try:
        chosen = [demo.stdout.readline().split() for demo in demos if demo.stdout]
    finally:
        for demo in demos:
            demo.communicate()
    assert [len(ports) for ports in chosen] == [3] * len(demos)
    numbers = [number for ports in chosen for number in ports]
    assert len(set(numbers)) == len(numbers)


def test_there_is_an_end_to_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_ports, "ROWS", 1)
    with bind(Ports.row(0).sign), pytest.raises(RefusedError, match="No ports"), held_ports(tmp_path / "ports.json"):
        pass
