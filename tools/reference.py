"""Writes `docs/reference` from the code: settings, exit codes, commands. A test says when it is stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from butai.blueprints.commands import write_schema
from butai.cli import EXIT_MEANINGS, app
from butai.settings import Settings

TARGET = Path(__file__).parents[1] / "docs" / "reference"
HEAD = "<!-- Written by `make docs`; edit the code instead. -->\n\n"


def pages() -> dict[str, str]:
    """Every generated page by its file name."""
    return {"settings.md": _settings(), "exit-codes.md": _exit_codes(), "commands.md": _commands()}


def _settings() -> str:
    rows = [f"| `BUTAI_{name.upper()}` | {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join([f"{HEAD}# Settings", "", "| variable | meaning |", "|---|---|", *rows, ""])


def _exit_codes() -> str:
    rows = [f"| {int(code)} | {meaning} |" for code, meaning in EXIT_MEANINGS.items()]
    return "\n".join([f"{HEAD}# Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def _commands() -> str:
    rows = [f"| `{name}` | {help_} |" for name, help_ in sorted(_walk(app, "butai"))]
    return "\n".join([f"{HEAD}# Commands", "", "| command | what it does |", "|---|---|", *rows, ""])


def _walk(group: typer.Typer, prefix: str) -> Iterator[tuple[str, str]]:
    if group.info.invoke_without_command and group.registered_callback:
        yield prefix, (group.registered_callback.callback.__doc__ or "").strip().splitlines()[0]
    for command in group.registered_commands:
        function = command.callback
        assert function is not None
        name = command.name or function.__name__.rstrip("_").replace("_", "-")
        yield f"{prefix} {name}", (function.__doc__ or "").strip().splitlines()[0]
    for sub in group.registered_groups:
        assert sub.typer_instance is not None
        # Commands of a group without a name are its parent's.
        yield from _walk(sub.typer_instance, f"{prefix} {sub.name}" if isinstance(sub.name, str) else prefix)


def main() -> None:
    """Write everything."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (TARGET / name).write_text(text)
    write_schema(TARGET / "butai.schema.json")


if __name__ == "__main__":
    main()
