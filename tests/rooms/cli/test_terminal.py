"""What reaches a terminal: text only, whatever a branch, a log line or an error holds."""

from __future__ import annotations

import json

import pytest

from butai.errors import WrongUseError
from butai.terminal import print_error, print_json, say, table

EVIL = "\x1b[31mred\x1b]0;title\x07 \x9b2J [bold]markup[/bold] \r overwritten \x08"


def test_no_control_code_and_no_markup_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    table(["NAME"], [[EVIL]])
    print_error(WrongUseError(EVIL, why=EVIL, next=EVIL, where=EVIL), as_json=False)
    shown = "".join(capsys.readouterr())
    assert not any(character in shown for character in "\x1b\x9b\x07\x08\r")
    assert shown.count("[bold]markup[/bold]") == 6, "shown as it is, not as markup"


def test_json_is_data_on_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": EVIL})
    print_error(WrongUseError("no"), as_json=True)
    out, err = capsys.readouterr()
    assert err == "" and "\x1b" not in out
    first, _, second = out.partition("}\n{")
    assert json.loads(first + "}")["name"] == EVIL
    assert json.loads("{" + second)["error"]["code"] == "wrong-use"
