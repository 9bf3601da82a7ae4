"""Foreign text comes out harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.text import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("a\x1b]unfinished", "aunfinished"),
        ("end\x1b", "end␛"),
        ("nul\x00bell\x07back\x08", "nul␀bell␇back␈"),
        ("del\x7f c1\x85", "del␡ c1\ufffd"),
        ("over\u202etxt.exe", "over\ufffdtxt.exe"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("one\r\ntwo\tthree\rfour", "one\ntwo\tthree␍four"),
        ("舞台 é 👍 a\u00a0b\u3000c", "舞台 é 👍 a\u00a0b\u3000c"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_long_text_is_cut_and_says_so() -> None:
    assert plain("x" * 30, limit=10) == "xxxxxxxxxx … (20 more characters)"


ESCAPES = st.sampled_from(
    ["\x1b[", "\x1b]", "\x1b", "\x9b", "\x9d", "\x07", "\x1b\\", "31m", ";", "\x9c", "x", "\x1bP"]
)


@given(st.one_of(st.text(st.characters()), st.lists(ESCAPES).map("".join)))
def test_no_control_character_is_left_and_it_can_be_encoded(text: str) -> None:
    shown = plain(text)
    assert not [each for each in shown if each not in "\n\t" and (ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0)]
    shown.encode()


@given(st.text(st.characters()))
def test_it_is_stable(text: str) -> None:
    assert plain(plain(text)) == plain(text)
