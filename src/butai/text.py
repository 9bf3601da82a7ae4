"""Words for people that a page can translate: an English string that knows its message id and the values in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Value = int | str


class Text(str):
    """The English sentence, for every use of a string; `id` and `values` are what a translation is made of."""

    __slots__ = ("id", "values")
    id: str
    values: Mapping[str, Value]


def text(template: str, /, **values: object) -> Text:
    """A sentence out of a template: `text("The branch {branch} is not there.", branch=branch)`.

    The template stands here as it is, so that it can be collected for the catalogs. Values may be texts themselves.
    """
    kept = {name: each if isinstance(each, int | Text) else str(each) for name, each in values.items()}
    return _made(filled(template, kept), template, kept)


def joined(separator: str, parts: Iterable[str]) -> Text:
    """Several texts as one: each is translated by itself."""
    values = {f"part{number}": part for number, part in enumerate(parts)}
    return text(separator.join(f"{{{name}}}" for name in values), **values)


def filled(template: str, values: Mapping[str, Value]) -> str:
    """The template with its values; as it is when it has none, whatever braces it holds."""
    return template.format(**values) if values else template


def stored(words: str) -> dict[str, Any] | None:
    """What of a text is kept beside its English words; nothing for a plain string."""
    if not isinstance(words, Text):
        return None
    values = {name: stored(each) or each if isinstance(each, str) else each for name, each in words.values.items()}
    return {"id": words.id, "values": values}


def restored(words: str, kept: Mapping[str, Any] | None) -> str:
    """The text again out of its English words and what was kept beside them."""
    if not kept:
        return words
    return _made(words, kept["id"], {name: _value(each) for name, each in kept["values"].items()})


def _value(kept: Any) -> Value:
    if not isinstance(kept, dict):
        return kept if isinstance(kept, int) else str(kept)
    values = {name: _value(each) for name, each in kept["values"].items()}
    return _made(filled(kept["id"], values), kept["id"], values)


def _made(words: str, template: str, values: Mapping[str, Value]) -> Text:
    made = Text(words)
    made.id, made.values = template, values
    return made
