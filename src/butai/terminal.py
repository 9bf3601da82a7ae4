"""How the command line talks: data on stdout, talk on stderr, colours and movement only on a terminal."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from butai.errors import ButaiError, WrongUseError
from butai.terraform.text import plain

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NameArgument = Annotated[str, typer.Argument(help="The environment's name, or BLUEPRINT/NAME.")]
WaitFlag = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end and show progress.")]

data_out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
talk = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Data as JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """Talk, on stderr."""
    talk.print(plain(text))


def print_error(error: ButaiError, *, as_json: bool) -> None:
    """An error: as the API's JSON, or as what, why and next."""
    if as_json:
        print_json(error.as_json())
        return
    where = f"{error.where}: " if error.where else ""
    talk.print(f"error: {plain(where + error.what)}", style="red" if talk.is_terminal else None)
    if error.why:
        talk.print(plain(error.why))
    if error.next:
        talk.print(f"\nhint: {plain(error.next)}")


def table(columns: list[str], rows: list[list[str]]) -> None:
    """Rows under column names: drawn on a terminal, tab-separated without names otherwise."""
    if not data_out.is_terminal:
        for row in rows:
            sys.stdout.write("\t".join(plain(cell).replace("\n", " ") for cell in row) + "\n")
        return
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        drawn.add_column(name)
    for row in rows:
        drawn.add_row(*(plain(cell) for cell in row))
    data_out.print(drawn)


def pairs(values: list[str], flag: str) -> dict[str, str]:
    """Values of a flag that is NAME=VALUE."""
    parted = [value.partition("=") for value in values]
    for name, equals, _ in parted:
        if not name or not equals:
            raise WrongUseError(f"`{name}` is not NAME=VALUE.", where=flag, next=f"Write `{flag} name=value`.")
    return {name: value for name, _, value in parted}
