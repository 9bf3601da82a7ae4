"""The syntax of Go's regular expressions (RE2), as far as it needs no tables of Unicode."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.regex_tree import (
    LAST,
    Characters,
    Choice,
    Edge,
    Group,
    Pattern,
    Range,
    Repeat,
    Sequence,
    Tree,
    negated,
)
from butai.terraform.evaluation.values import Refused


@dataclass(frozen=True, slots=True)
class _Flags:
    i: bool = False
    m: bool = False
    s: bool = False
    U: bool = False


_DIGIT = ((48, 57),)
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
_BLANK = ((9, 10), (12, 13), (32, 32))
_PERL = {"d": _DIGIT, "w": _WORD, "s": _BLANK}
_POSIX: dict[str, tuple[Range, ...]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGIT,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_CONTROL = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_EDGES = {"A": "text_start", "z": "text_end", "b": "word", "B": "no_word"}
_COUNT = re.compile(r"\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\}")
_GROUP = re.compile(r"\(\?P?<([^>]*)>")
_FLAG_GROUP = re.compile(r"\(\?([imsU]*)(-[imsU]+)?([:)])")
_MOST_REPEATS = 1000
_DEEPEST_GROUP = 50
_LONGEST_PATTERN = 5000


@lru_cache(maxsize=256)
def parse(pattern: str) -> Pattern:
    """Raises Refused for what is no pattern, and BeyondLimits for one that is not understood here."""
    if len(pattern) > _LONGEST_PATTERN:
        raise BeyondLimits
    parser = _Parser(pattern)
    tree = parser.choice(_Flags())
    if parser.place < len(pattern):
        raise Refused
    return Pattern(tree, tuple(parser.names), parser.folds)


@dataclass
class _Parser:
    pattern: str
    place: int = 0
    depth: int = 0
    names: list[str] = field(default_factory=list)
    folds: bool = False

    def peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.place)

    def take(self) -> str:
        if self.place >= len(self.pattern):
            raise Refused
        self.place += 1
        return self.pattern[self.place - 1]

    def match(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        found = expression.match(self.pattern, self.place)
        self.place = found.end() if found else self.place
        return found

    def choice(self, flags: _Flags) -> Tree:
        """Up to a closing parenthesis or the end."""
        options: list[Tree] = []
        parts: list[Tree] = []
        is_repeatable = was_repeat = False
        while self.place < len(self.pattern) and not self.peek(")"):
            if self.peek("|"):
                self.place += 1
                options.append(Sequence(tuple(parts)))
                parts, is_repeatable, was_repeat = [], False, False
                continue
            counts = self.counts()
            if counts:
                if not is_repeatable or was_repeat:
                    raise Refused
                greedy = not self.lazy() ^ flags.U
                parts[-1] = Repeat(parts[-1], *counts, greedy)
                was_repeat = True
                continue
            if changed := self.flags(flags):
                flags, is_repeatable, was_repeat = changed, False, False
                continue
            parts += self.atom(flags)
            is_repeatable, was_repeat = bool(parts), False
        options.append(Sequence(tuple(parts)))
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def lazy(self) -> bool:
        found = self.peek("?")
        self.place += found
        return found

    def counts(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.peek(sign):
                self.place += 1
                return counts
        found = self.match(_COUNT)
        if not found:
            return None
        least = int(found[1][:5])
        most = least if not found[2] else int(found[3][:5]) if found[3] else None
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise Refused
        return least, most

    def flags(self, flags: _Flags) -> _Flags | None:
        """`(?i)`: from here to the group's end."""
        found = _FLAG_GROUP.match(self.pattern, self.place)
        if not found or found[3] != ")":
            return None
        self.place = found.end()
        return self.changed(flags, found)

    def changed(self, flags: _Flags, found: re.Match[str]) -> _Flags:
        if not found[1] and not found[2] and found[3] == ")":
            raise Refused
        on, off = dict.fromkeys(found[1], True), dict.fromkeys((found[2] or "")[1:], False)
        self.folds |= "i" in on
        return replace(flags, **on, **off)

    def atom(self, flags: _Flags) -> list[Tree]:
        if self.peek("("):
            return [self.group(flags)]
        if self.peek("["):
            return [self.characters(self.bracket(), flags)]
        if self.peek("\\"):
            return self.escaped(flags)
        character = self.take()
        if character == ".":
            return [Characters(((0, LAST),) if flags.s else negated(((10, 10),)))]
        if character in "^$":
            where = "start" if character == "^" else "end"
            return [Edge(f"{'line' if flags.m else 'text'}_{where}")]
        return [self.characters(((ord(character), ord(character)),), flags)]

    def group(self, flags: _Flags) -> Tree:
        self.depth += 1
        if self.depth > _DEEPEST_GROUP:
            raise BeyondLimits
        number = 0
        if found := self.match(_GROUP):
            if not re.fullmatch(r"[A-Za-z0-9_]+", found[1]):
                raise Refused
            if found[1] in self.names:
                raise BeyondLimits
            self.names.append(found[1])
            number = len(self.names)
        elif found := self.match(_FLAG_GROUP):
            flags = self.changed(flags, found)
        elif self.peek("(?"):
            raise Refused
        else:
            self.place += 1
            self.names.append("")
            number = len(self.names)
        inner = self.choice(flags)
        if self.take() != ")":
            raise Refused
        self.depth -= 1
        return Group(number, inner) if number else inner

    def escaped(self, flags: _Flags) -> list[Tree]:
        following = self.pattern[self.place + 1 : self.place + 2]
        if following in _EDGES:
            self.place += 2
            return [Edge(_EDGES[following])]
        if following == "Q":
            end = self.pattern.find("\\E", self.place + 2)
            text = self.pattern[self.place + 2 : end if end >= 0 else len(self.pattern)]
            self.place = end + 2 if end >= 0 else len(self.pattern)
            return [self.characters(((ord(each), ord(each)),), flags) for each in text]
        return [self.characters(self.perl_class() or ((code := self.code(), code),), flags)]

    def perl_class(self) -> tuple[Range, ...]:
        following = self.pattern[self.place + 1 : self.place + 2]
        if following in {"p", "P"}:
            raise BeyondLimits
        if not following or following.lower() not in _PERL:
            return ()
        self.place += 2
        ranges = _PERL[following.lower()]
        return negated(ranges) if following.isupper() else ranges

    def code(self) -> int:
        """The code of an escaped character."""
        self.place += 1
        character = self.take()
        if character in _CONTROL:
            return _CONTROL[character]
        if character == "x":
            found = self.match(re.compile(r"\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2})"))
            code = int((found[1] or found[2])[:9], 16) if found else LAST + 1
            if code > LAST:
                raise Refused
            return code
        if character in "01234567":
            self.place -= 1
            found = self.match(re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}"))
            if not found:
                raise Refused
            return int(found[0], 8)
        if not character.isascii() or character.isalnum():
            raise Refused
        return ord(character)

    def bracket(self) -> tuple[Range, ...]:
        self.place += 1
        is_negated = self.peek("^")
        self.place += is_negated
        found: list[Range] = []
        is_first = True
        while is_first or not self.peek("]"):
            is_first = False
            named = self.match(re.compile(r"\[:(\^?)([a-z]+):\]"))
            if named:
                if named[2] not in _POSIX:
                    raise Refused
                found += negated(_POSIX[named[2]]) if named[1] else _POSIX[named[2]]
            elif self.peek("\\") and (ranges := self.perl_class()):
                found += ranges
            else:
                found.append(self.range())
        self.place += 1
        return negated(tuple(found)) if is_negated else tuple(found)

    def range(self) -> Range:
        first = self.code() if self.peek("\\") else ord(self.take())
        if not self.peek("-") or self.peek("-]") or self.place + 1 >= len(self.pattern):
            return first, first
        self.place += 1
        last = self.code() if self.peek("\\") else ord(self.take())
        if last < first:
            raise Refused
        return first, last

    def characters(self, ranges: tuple[Range, ...], flags: _Flags) -> Tree:
        if not flags.i:
            return Characters(ranges)
        self.folds = True
        swapped = [
            (max(first, low) + shift, min(last, high) + shift)
            for first, last in ranges
            for low, high, shift in ((65, 90, 32), (97, 122, -32))
            if max(first, low) <= min(last, high)
        ]
        return Characters((*ranges, *swapped))
