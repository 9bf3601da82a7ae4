"""Texts in English and Japanese: Babel catalogs, read once; the browser's wish is followed until somebody says otherwise."""

from __future__ import annotations

import functools
import io
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from butai.text import Text, filled

SOURCE = "en"
LANGUAGES = {"en": "English", "ja": "日本語"}
LOCALES = Path(__file__).parent / "locale"
LANGUAGE_COOKIE = "butai_language"


@functools.cache
def translations(language: str) -> NullTranslations:
    """The catalog of a language. English is the source: its texts are the message ids."""
    file = LOCALES / language / "LC_MESSAGES" / "butai.po"
    if not file.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def translate(words: str, language: str) -> str:
    """A text in a language, the texts in it too; what is no text, and what has no translation, as it is."""
    if not isinstance(words, Text) or language == SOURCE:
        return words
    values = {name: translate(each, language) if isinstance(each, str) else each for name, each in words.values.items()}
    return filled(translations(language).gettext(words.id), values)


def choose_language(cookie: str, accept_language: str) -> str:
    """The language of the cookie, else the best of what the browser wants, else English."""
    if cookie in LANGUAGES:
        return cookie
    wanted = []
    for part in accept_language.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((float(quality or 1), tag.replace("-", "_")))
        except ValueError:
            continue
    names = [tag for _, tag in sorted(wanted, key=lambda pair: -pair[0])]
    found = negotiate_locale([*names, *[name.split("_")[0] for name in names]], list(LANGUAGES))
    return found or "en"
