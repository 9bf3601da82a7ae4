"""Every text of the portal exists in every language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from butai.errors import ButaiError
from butai.rooms import ROOMS
from butai.text import joined, restored, stored, text
from butai.web.catalog import SOURCE, TERMINAL, message_ids
from butai.web.texts import LOCALES, choose_language, translate, translations

PLACES = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


SPOKEN = {"what", "why", "next", "hint", "message"}
PACKAGES = (
    "aws",
    "blueprints",
    "board",
    "db",
    "deploys",
    "environments",
    "history",
    "inventory",
    "leases",
    "runs",
    "states",
    "terraform",
    "web",
)


def test_the_japanese_catalog_is_whole() -> None:
    wanted = message_ids(ROOMS)
    assert len(wanted) > 80
    with (LOCALES / "ja" / "LC_MESSAGES" / "butai.po").open("rb") as file:
        catalog = {str(message.id): message for message in read_po(file, locale="ja") if message.id}
    assert set(catalog) == wanted
    for words, message in catalog.items():
        assert message.string and not message.fuzzy, words
        assert set(PLACES.findall(words)) == set(PLACES.findall(str(message.string))), words


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


def test_a_text_is_its_english_sentence_and_is_translated_with_what_is_in_it() -> None:
    hint = text("Did you mean `{name}`?", name="{qa}-1")
    found = text("Waiting: {reason}", reason=joined(" ", (text("tasks are starting"), hint)))
    assert found == "Waiting: tasks are starting Did you mean `{qa}-1`?"
    assert translate(found, "ja") == "待っています: タスクを起動しています `{qa}-1` のことですか?"
    assert translate(found, "en") == found
    assert translate("creating", "ja") == "creating", "what an engine says stays as it says it"


def test_a_text_survives_being_stored() -> None:
    found = text("{doing} {address}, {seconds} s", doing=text("creating"), address="x.y", seconds=20)
    again = restored(str(found), stored(found))
    assert again == "creating x.y, 20 s"
    assert translate(again, "ja") == "x.y を作成中(20 秒)"
    assert stored("plain") is None and restored("plain", None) == "plain"
    older = restored("An older one.", {"id": "An older {what}.", "values": {"what": "one"}})
    assert translate(older, "ja") == "An older one.", "a template that no catalog has any more"


@pytest.mark.parametrize("package", PACKAGES)
def test_whatever_a_page_may_say_can_be_translated(package: str) -> None:
    """No plain literal and no f-string where an error or a note is made: `text(...)` from the start."""
    plain = [
        f"{file.relative_to(SOURCE)}:{word.lineno}: {ast.unparse(word)}"
        for file in sorted((SOURCE / package).rglob("*.py"))
        if not TERMINAL.intersection(file.relative_to(SOURCE).parts)
        for said in _said(file)
        for word in _plain(said)
    ]
    assert plain == []


def test_there_are_errors_to_look_at() -> None:
    assert sum(1 for package in PACKAGES for file in (SOURCE / package).rglob("*.py") for _ in _said(file)) > 200


def _said(file: Path) -> Iterator[ast.expr]:
    """Every expression that becomes words for people: of errors, of problems in a file, of a run's log."""
    for call in ast.walk(ast.parse(file.read_text())):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        error = name in ERRORS or name == "__init__" or (name == "ValueError" and file.name == "model.py")
        first = {"say": 1, "Problem": 3, "problem": 1, "SyntaxProblem": 3}.get(name, 0 if error else None)
        if first is not None:
            yield from call.args[first : first + 2]
            yield from (keyword.value for keyword in call.keywords if keyword.arg in SPOKEN)


def _plain(said: ast.expr) -> Iterator[ast.expr]:
    """Literals of which such an expression may consist."""
    if isinstance(said, ast.JoinedStr | ast.BinOp) or (
        isinstance(said, ast.Constant) and isinstance(said.value, str) and said.value
    ):
        yield said
    elif isinstance(said, ast.IfExp):
        yield from (*_plain(said.body), *_plain(said.orelse))
    elif isinstance(said, ast.BoolOp):
        for each in said.values:
            yield from _plain(each)


def _names(kind: type[ButaiError]) -> Iterator[str]:
    yield kind.__name__
    for each in kind.__subclasses__():
        yield from _names(each)


ERRORS = set(_names(ButaiError))
