"""What an evaluation may take, so that no input holds a process or fills its memory."""

from __future__ import annotations

# Nested brackets, calls and locals.
DEEPEST = 60
# Of one value: its parts, and sixteen characters of text count as one.
LARGEST_VALUE = 500_000
# Of one evaluation: nodes that are evaluated, and the sizes of what they make.
MOST_STEPS = 300_000
# Of one expression's or template's source.
LONGEST_SOURCE = 1_000_000


class BeyondLimits(Exception):  # noqa: N818 it says what is so, not what went wrong
    """The value is too large, takes too long, or is one that is not worked out here: the result is UNKNOWN."""
