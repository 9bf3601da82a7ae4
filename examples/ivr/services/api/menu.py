"""The phone menu, and what a pressed key does in it. Pure: no Redis, no HTTP, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]

KEYS = "0123456789*#"
BACK, AGAIN = "0", "*"

# Who presses a wrong key three times is helped by a person rather than asked a fourth time.
MISSES_ALLOWED = 2
NOT_A_CHOICE = "This choice does not exist."
CONNECT = "We connect you with the next free colleague."


@dataclass(frozen=True)
class Step:
    """Where a call stands: the keys that led there, what the caller hears, and how it ended, if it did."""

    path: tuple[str, ...]
    say: str
    misses: int = 0
    end: str | None = None


def start(menu: Node) -> Step:
    """The beginning of a call."""
    return Step((), menu["say"])


def press(menu: Node, path: Sequence[str], misses: int, digit: str) -> Step:
    """What follows when `digit` is pressed where `path` leads. `misses` counts the wrong keys so far."""
    path = _still_there(menu, path)
    here = node_at(menu, path)
    if digit == BACK:
        return Step((), menu["say"], misses)
    if digit == AGAIN:
        return Step(tuple(path), here["say"], misses)
    if digit in here.get("keys", {}):
        chosen = here["keys"][digit]
        return Step((*path, digit), chosen["say"], misses, chosen.get("end"))
    if misses >= MISSES_ALLOWED:
        return Step(tuple(path), f"{NOT_A_CHOICE} {CONNECT}", misses + 1, "connected")
    return Step(tuple(path), f"{NOT_A_CHOICE} {here['say']}", misses + 1)


def node_at(menu: Node, path: Sequence[str]) -> Node:
    """The entry that a row of keys leads to."""
    for digit in path:
        menu = menu["keys"][digit]
    return menu


def _still_there(menu: Node, path: Sequence[str]) -> Sequence[str]:
    # The api may have been deployed with another menu while the caller was in this one.
    for length, digit in enumerate(path):
        if "keys" not in menu["keys"].get(digit, {}):
            return path[:length]
        menu = menu["keys"][digit]
    return path


def titles(menu: Node, path: Sequence[str]) -> list[str]:
    """The titles on the way, without that of the main menu."""
    return [node_at(menu, path[:length])["title"] for length in range(1, len(path) + 1)]


def spoken(menu: Node, **words: str) -> Node:
    """The menu with its placeholders filled in, such as `{opening_hours}`."""
    keys = {digit: spoken(node, **words) for digit, node in menu.get("keys", {}).items()}
    return {**menu, "say": menu["say"].format(**words), **({"keys": keys} if keys else {})}
