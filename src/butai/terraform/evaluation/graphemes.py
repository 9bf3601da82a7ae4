"""Characters as people see them, by which Terraform measures and cuts texts.

Texts whose characters are put together of several code points in ways that need Unicode's tables (emoji with joiners,
Indic and Thai marks, Korean letters, flags) are beyond what is worked out here.
"""

from __future__ import annotations

import unicodedata

from butai.terraform.evaluation.limits import BeyondLimits

# Ranges of what joins to a neighbour although its category is that of letters or symbols.
_JOINING = (
    (0x0D4E, 0x0D4E),
    (0x0E33, 0x0E33),
    (0x0EB3, 0x0EB3),
    (0x1100, 0x11FF),
    (0xA960, 0xA97F),
    (0xD7B0, 0xD7FF),
    (0xFF9E, 0xFF9F),
    (0x111C2, 0x111C3),
    (0x1193F, 0x11941),
    (0x11A3A, 0x11A89),
    (0x11D46, 0x11D46),
    (0x1F1E6, 0x1F1FF),
    (0x1F3FB, 0x1F3FF),
)


def clusters(text: str) -> list[str]:
    """The characters of a text; a line end of two code points is one. Raises BeyondLimits for what is not sure."""
    if not text.isascii() and any(_is_doubtful(each) for each in text):
        raise BeyondLimits
    if "\r\n" not in text:
        return list(text)
    first, *rest = text.split("\r\n")
    return [*first, *(each for line in rest for each in ("\r\n", *line))]


def _is_doubtful(character: str) -> bool:
    if character.isascii():
        return False
    code = ord(character)
    category = unicodedata.category(character)
    return category[0] in "MC" or any(first <= code <= last for first, last in _JOINING)
