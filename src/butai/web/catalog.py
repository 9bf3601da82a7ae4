"""Every text of the portal: those of the templates, and those that are chosen while it runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract

from butai.board.model import WORDS as WORKER_WORDS
from butai.environments.log_view import DEPLOY_TITLE, TITLES
from butai.environments.model import WORDS
from butai.web.render import TEMPLATES
from butai.web.room import Room

SOURCE = Path(__file__).parents[1]
# What only the command line shows stays English.
TERMINAL = frozenset(
    {
        "cli.py",
        "commands.py",
        "init.py",
        "doctor.py",
        "client.py",
        "patience.py",
        "terminal.py",
        "serve.py",
        "worker.py",
    }
    | {
        "following.py",
        "beside.py",
        "look_commands.py",
        "adopt_commands.py",
        "coverage_commands.py",
        "told_commands.py",
        "map_here.py",
        "prices_commands.py",
        "state_commands.py",
        "drift_commands.py",
        "engine_commands.py",
        "hold_commands.py",
        "see_commands.py",
        "update_all.py",
        "watch.py",
    }
    | {"demo", "localcloud", "migrations"}
)
OURS = re.compile(r"^from butai\.text import .*\btext\b", re.M)
OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}


def message_ids(rooms: tuple[Room, ...]) -> set[str]:
    """The message ids that a catalog must have."""
    chosen = {
        *WORDS,
        *WORKER_WORDS.values(),
        *TITLES.values(),
        DEPLOY_TITLE,
        *(room.title for room in rooms),
        *(room.group for room in rooms),
    }
    folders = [TEMPLATES, *(room.templates for room in rooms if room.templates)]
    return chosen | {found for folder in folders for found in _of_templates(folder)} | set(_of_code(SOURCE))


def _of_code(folder: Path) -> Iterator[str]:
    """The template of every `text(...)` that a page may show."""
    for file in sorted(folder.rglob("*.py")):
        source = file.read_text()
        # A file that imports another `text` (SQL's) has none of ours.
        if not TERMINAL.intersection(file.relative_to(folder).parts) and OURS.search(source):
            yield from (template for call in ast.walk(ast.parse(source)) if (template := _template(call)))


def _template(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "text":
        first = node.args[0]
        return str(first.value) if isinstance(first, ast.Constant) else ""
    return ""


def _of_templates(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.html")):
        with file.open("rb") as source:
            for _, message, *_ in extract("jinja2.ext:babel_extract", source, options=OPTIONS):
                yield message if isinstance(message, str) else message[0]
