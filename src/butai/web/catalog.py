"""Every text of the portal: those of the templates, and those that are chosen while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract

from butai.environments.log_view import TITLES
from butai.environments.model import WORDS
from butai.web.render import TEMPLATES
from butai.web.room import Room

OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}


def message_ids(rooms: tuple[Room, ...]) -> set[str]:
    """The message ids that a catalog must have."""
    chosen = {*WORDS, *TITLES.values(), *(room.title for room in rooms), *(room.group for room in rooms)}
    folders = [TEMPLATES, *(room.templates for room in rooms if room.templates)]
    return chosen | {found for folder in folders for found in _of_templates(folder)}


def _of_templates(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.html")):
        with file.open("rb") as source:
            for _, message, *_ in extract("jinja2.ext:babel_extract", source, options=OPTIONS):
                yield message if isinstance(message, str) else message[0]
