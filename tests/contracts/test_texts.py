"""Every text of the portal exists in every language."""

from __future__ import annotations

import re

from babel.messages.pofile import read_po

from butai.rooms import ROOMS
from butai.web.catalog import message_ids
from butai.web.texts import LOCALES, choose_language, translations

PLACES = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


def test_the_japanese_catalog_is_whole() -> None:
    wanted = message_ids(ROOMS)
    assert len(wanted) > 80
    with (LOCALES / "ja" / "LC_MESSAGES" / "butai.po").open("rb") as file:
        catalog = {str(message.id): message for message in read_po(file, locale="ja") if message.id}
    assert set(catalog) == wanted
    for text, message in catalog.items():
        assert message.string and not message.fuzzy, text
        assert set(PLACES.findall(text)) == set(PLACES.findall(str(message.string))), text


def test_texts_come_in_the_language_asked_for() -> None:
    assert translations("ja").gettext("Environments") == "環境"
    assert translations("en").gettext("Environments") == "Environments"


def test_the_best_of_the_browsers_wishes_is_taken() -> None:
    assert choose_language("", "ja-JP,ja;q=0.9,en;q=0.8") == "ja"
    assert choose_language("", "fr,en;q=0.2,ja;q=0.9") == "ja"
    assert choose_language("", "en-GB") == "en"
    assert choose_language("", "fr") == "en"
    assert choose_language("", "ja;q=x,,;") == "en"
    assert choose_language("ja", "en") == "ja"
    assert choose_language("xx", "en") == "en"
