"""Foreign text made harmless before anybody stores or shows it."""

from __future__ import annotations

import re
import unicodedata

# Colours and cursor moves (CSI), window titles and links (OSC and its kin), and two-character escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_KEPT = "\n\t"


def plain(text: str, limit: int = 20_000) -> str:
    """`text` without terminal escapes, with every other control character made visible; at most `limit` characters.

    Newline and tab stay. Directional overrides go too (they make a line read as another one), as do lone
    surrogates, which no encoder takes.
    """
    cut = text[:limit]
    cleaned = "".join(map(_visible, _ESCAPES.sub("", cut.replace("\r\n", "\n"))))
    left = len(text) - len(cut)
    return f"{cleaned} … ({left} more characters)" if left else cleaned


def _visible(character: str) -> str:
    if character in _KEPT or character.isprintable():
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    # Spaces of other scripts and unassigned characters are not printable to Python, yet harmless.
    return "\ufffd" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else character
