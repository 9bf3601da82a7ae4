"""How tightly operators bind: the conditional least and from the right, all others from the left."""

from __future__ import annotations

from typing import TypeAlias

from butai.terraform.evaluation.limits import DEEPEST, BeyondLimits
from butai.terraform.evaluation.syntax import Binary, Conditional, Node, Unary
from butai.terraform.evaluation.template_parsing import Malformed

# An operator's text, or an operand.
Token: TypeAlias = str | Node

_LEVELS = (("||",), ("&&",), ("==", "!="), (">", ">=", "<", "<="), ("+", "-"), ("*", "/", "%"))
_STRENGTH = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}


class Operators:
    """Reads a row of operators and operands. Raises Malformed where they are in no order that makes sense."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.place = 0
        self.depth = 0

    def expression(self) -> Node:
        """The whole row."""
        found = self._conditional()
        if self.place != len(self.tokens):
            raise Malformed
        return found

    def _conditional(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BeyondLimits
        condition = self._binary(0)
        if self._next() != "?":
            return condition
        self.place += 1
        when_true = self._conditional()
        if self._next() != ":":
            raise Malformed
        self.place += 1
        return Conditional(condition, when_true, self._conditional())

    def _binary(self, level: int) -> Node:
        left = self._unary()
        while (strength := _STRENGTH.get(self._operator(), -1)) >= level:
            operator = self._operator()
            self.place += 1
            left = Binary(operator, left, self._binary(strength + 1))
        return left

    def _unary(self) -> Node:
        signs: list[str] = []
        while (sign := self._operator()) in {"-", "!"}:
            signs.append(sign)
            self.place += 1
        operand = self._next()
        if operand is None or isinstance(operand, str) or len(signs) > DEEPEST:
            raise Malformed
        self.place += 1
        for sign in reversed(signs):
            operand = Unary(sign, operand)
        return operand

    def _next(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _operator(self) -> str:
        found = self._next()
        return found if isinstance(found, str) else ""
