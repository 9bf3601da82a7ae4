"""Text of HCL's quoted strings and heredocs, and the mark for what is no literal."""

from __future__ import annotations

import re
from typing import Final


class _Unknown:
    """Something that would have to be evaluated. It is false, so that it never passes for a value."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN: Final = _Unknown()

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|(\$\$|%%)(?=\{)", re.DOTALL)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def unescape(text: str) -> str:
    """The text between the quotation marks of a string, with its escapes read."""
    return _ESCAPE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    short, long, simple, doubled = match.groups()
    if doubled:
        return str(doubled[0])
    if simple:
        return _SIMPLE.get(simple, match.group())
    code = int(short or long, 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def heredoc(text: str) -> str:
    """The text of a heredoc without interpolations, from `<<EOT` to its closing word."""
    head, _, rest = text.replace("\r\n", "\n").partition("\n")
    lines = rest.split("\n")[:-1]
    if head.startswith("<<-"):
        indents = [len(line) - len(line.lstrip(" \t")) for line in [*lines, rest.split("\n")[-1]] if line.strip()]
        lines = [line[min(indents, default=0) :] for line in lines]
    # Only template escapes exist here, no backslashes.
    return re.sub(r"(\$\$|%%)(?=\{)", lambda match: match.group()[0], "".join(f"{line}\n" for line in lines))
