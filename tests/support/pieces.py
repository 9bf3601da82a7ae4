"""Bytes as they come over a connection: cut anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise


def pieces(whole: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`whole` in order, cut at these places (counted anew where they are beyond its end)."""
    places = sorted({0, len(whole), *(each % (len(whole) + 1) for each in cuts)})
    return [whole[begin:end] for begin, end in pairwise(places)]
