"""Processes of this machine, as tests ask for them."""

from __future__ import annotations

from pathlib import Path

import psutil


def is_supervisor(process: psutil.Process, folder: Path) -> bool:
    """Whether it is one, of a run in this folder or below it."""
    try:
        seen = process.as_dict(["cmdline", "cwd"])
    except psutil.NoSuchProcess:
        return False
    words = " ".join(seen["cmdline"] or [])
    return "butai.runs.supervisor" in words and Path(seen["cwd"] or "/").is_relative_to(folder)


def lives(pid: int) -> bool:
    """Whether it is more than an entry that nobody has collected (in a container nobody may)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
