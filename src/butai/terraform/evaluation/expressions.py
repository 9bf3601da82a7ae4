"""The value of a parsed expression, by the rules of HCL: what is refused is counted, what is unknown stays so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from butai.terraform.evaluation import iteration
from butai.terraform.evaluation.conversion import as_text, convert
from butai.terraform.evaluation.functions import call
from butai.terraform.evaluation.limits import DEEPEST, MOST_STEPS, BeyondLimits
from butai.terraform.evaluation.operations import BINARY, UNARY, Operation, attribute, element
from butai.terraform.evaluation.scope import Scope, as_value
from butai.terraform.evaluation.syntax import (
    Attribute,
    Binary,
    Call,
    Conditional,
    For,
    Index,
    Joined,
    Literal,
    Name,
    Node,
    ObjectOf,
    Step,
    Template,
    Traversal,
    TupleOf,
    Unary,
    Wrong,
)
from butai.terraform.evaluation.types import ANY, BOOL, STRING, Kind, Type
from butai.terraform.evaluation.unification import unify
from butai.terraform.evaluation.values import (
    FALSE,
    NOT_KNOWN,
    TRUE,
    Refused,
    Value,
    null,
    object_of,
    string,
    tuple_of,
    unknown,
)


@dataclass
class Budget:
    """What evaluations may still take together."""

    steps: int = MOST_STEPS

    def spend(self, steps: int) -> None:
        """Take some. Raises BeyondLimits when there is no more."""
        self.steps -= steps
        if self.steps < 0:
            raise BeyondLimits


class Evaluator:
    """Evaluates nodes in a scope, or in a template's own `names` alone.

    `refusals` counts what Terraform would refuse: a result counts only while it is 0. `gaps` counts what was not known.
    """

    def __init__(self, scope: Scope, budget: Budget, names: Mapping[str, Value] | None = None) -> None:
        self.scope = scope
        self.budget = budget
        self.names: Mapping[str, Value] = names or {}
        self.is_template = names is not None
        self.refusals = 0
        self.gaps = 0
        self.depth = 0

    def result(self, node: Node) -> Value:
        """The value of a whole expression. Raises Refused where Terraform has none, and BeyondLimits."""
        found = self.value(node)
        if self.refusals:
            raise Refused
        return found

    def value(self, node: Node) -> Value:
        """A node's value; what is refused is counted and unknown. Raises BeyondLimits."""
        refusals = self.refusals
        self.depth += 1
        if self.depth > DEEPEST:
            raise BeyondLimits
        try:
            found: Value = _EVALUATE[type(node)](self, node)
        except Refused:
            self.refusals += 1
            found = NOT_KNOWN
        self.depth -= 1
        self.budget.spend(found.size if type(node) in _MAKERS else 1)
        self.gaps += found.is_unknown and self.refusals == refusals
        return found

    def attempt(self, node: Node) -> tuple[Value, bool, int]:
        """A node's value, whether it is refused, and how much in it was not known; neither is counted."""
        refusals, gaps = self.refusals, self.gaps
        found = self.value(node)
        is_refused, missed = self.refusals > refusals, self.gaps - gaps
        self.refusals, self.gaps = refusals, gaps
        return found, is_refused, missed

    @contextmanager
    def binding(self, names: Mapping[str, Value]) -> Iterator[None]:
        """With more names, which hide others."""
        outer = self.names
        self.names = {**outer, **names}
        try:
            yield
        finally:
            self.names = outer

    def rendered(self, template: Node, names: Mapping[str, Value]) -> Value:
        """A template's result, with these names and no others. Raises Refused and BeyondLimits."""
        inner = Evaluator(self.scope, self.budget, names)
        inner.depth = self.depth
        found = inner.result(template)
        self.gaps += inner.gaps
        return found

    def literal(self, node: Literal) -> Value:
        return node.value

    def wrong(self, _: Wrong) -> Value:
        return NOT_KNOWN

    def name(self, node: Name) -> Value:
        if node.name in self.names:
            return self.names[node.name]
        return as_value(self.scope.itself) if node.name == "self" and not self.is_template else NOT_KNOWN

    def traversal(self, node: Traversal) -> Value:
        source = node.source
        if isinstance(source, Name) and source.name not in self.names and not self.is_template:
            given, first = self.scope.named(source.name), node.steps[0]
            if given is not None and isinstance(first, Attribute):
                found = as_value(given.get(first.name, NOT_KNOWN))
                self.gaps += found.is_unknown
                return self.stepped(found, node.steps[1:])
        return self.stepped(self.value(source), node.steps)

    def stepped(self, value: Value, steps: Sequence[Step]) -> Value:
        """What is reached from a value. Raises Refused and BeyondLimits."""
        for step in steps:
            if isinstance(step, Attribute):
                value = attribute(value, step.name)
            elif isinstance(step, Index):
                value = element(value, self.value(step.key))
            else:
                value = iteration.splat(self, value, step.steps)
        return value

    def template(self, node: Template) -> Value:
        parts = [self.value(each) for each in node.parts]
        return parts[0] if node.is_wrapper else self.joined_texts(parts)

    def joined_texts(self, parts: Sequence[Value]) -> Value:
        texts: list[str] = []
        for part in parts:
            try:
                texts.append("" if part.is_unknown else as_text(part))
            except Refused:
                self.refusals += 1
        return unknown(STRING) if any(each.is_unknown for each in parts) else string("".join(texts))

    def joined(self, node: Joined) -> Value:
        found = self.value(node.loop)
        return unknown(STRING) if found.is_unknown else self.joined_texts(found.raw)

    def tuple(self, node: TupleOf) -> Value:
        return tuple_of([self.value(each) for each in node.items])

    def object(self, node: ObjectOf) -> Value:
        found: dict[str, Value] = {}
        is_known = True
        for key, value in node.items:
            name, content = self.key(key), self.value(value)
            if name is None:
                is_known = False
            else:
                found[name] = content
        return object_of(found) if is_known else NOT_KNOWN

    def key(self, node: Node) -> str | None:
        """An object's key; none where it is unknown or refused."""
        found = self.value(node)
        if found.is_unknown:
            return None
        try:
            return as_text(found)
        except Refused:
            self.refusals += 1
            return None

    def conditional(self, node: Conditional) -> Value:
        branches = {True: self.attempt(node.when_true), False: self.attempt(node.when_false)}
        when_true, when_false = branches[True][0], branches[False][0]
        common = _common_type(when_true, when_false)
        if common is None:
            raise Refused
        condition = self.value(node.condition)
        if condition.is_null:
            raise Refused
        condition = convert(condition, BOOL)
        if condition.is_unknown:
            return null(common) if when_true.is_null and when_false.is_null else unknown(common)
        chosen, is_refused, missed = branches[condition.raw]
        other, other_refused, _ = branches[not condition.raw]
        self.refusals += is_refused
        self.gaps += missed
        if other.is_unknown and other.type == ANY and not other_refused:
            # Its type decides what becomes of this one: a text stays one, a number may become one.
            self.gaps += 1
            if not _is_of_texts(chosen):
                return NOT_KNOWN
        return convert(chosen, common)

    def unary(self, node: Unary) -> Value:
        return self.operation(UNARY[node.operator], [self.value(node.operand)])

    def binary(self, node: Binary) -> Value:
        chain: list[Binary] = []
        left: Node = node
        while isinstance(left, Binary):
            chain.append(left)
            left = left.left
        found = self.value(left)
        for each in reversed(chain):
            self.budget.spend(1)
            found = self.operation(BINARY[each.operator], [found, self.value(each.right)])
        return found

    def operation(self, operation: Operation, operands: Sequence[Value]) -> Value:
        try:
            return operation.work(*(convert(each, operation.wanted) for each in operands))
        except Refused:
            self.refusals += 1
            return unknown(operation.result)

    def loop(self, node: For) -> Value:
        return iteration.loop(self, node)

    def call(self, node: Call) -> Value:
        if node.name in {"try", "can"} and not node.is_expanded:
            return self.tried(node)
        refusals = self.refusals
        arguments = [self.value(each) for each in node.arguments]
        if self.refusals > refusals:
            return NOT_KNOWN
        if node.is_expanded:
            last = arguments.pop()
            if last.is_unknown:
                return NOT_KNOWN
            if not last.type.is_sequence:
                raise Refused
            arguments += [each for _, each in last.items()]
        return call(node.name, arguments, self)

    def tried(self, node: Call) -> Value:
        if not node.arguments or (node.name == "can" and len(node.arguments) != 1):
            raise Refused
        for each in node.arguments:
            found, is_refused, missed = self.attempt(each)
            if missed or not (is_refused or found.is_known):
                # Once it is known it may be refused.
                return NOT_KNOWN if node.name == "try" else unknown(BOOL)
            if not is_refused:
                return found if node.name == "try" else TRUE
        if node.name == "can":
            return FALSE
        raise Refused


def _common_type(when_true: Value, when_false: Value) -> Type | None:
    if when_true.is_plain_null or when_false.is_plain_null:
        return when_false.type if when_true.is_plain_null else when_true.type
    if ANY in (when_true.type, when_false.type):
        return ANY
    return unify([when_true.type, when_false.type])


def _is_of_texts(value: Value) -> bool:
    """Whether no conversion to another type that it may share changes how it reads."""
    if isinstance(value.raw, tuple | dict):
        parts = value.raw.values() if isinstance(value.raw, dict) else value.raw
        return value.type.kind is not Kind.SET and all(_is_of_texts(each) for each in parts)
    return value.is_null or value.type == STRING or value.is_unknown


_EVALUATE: dict[type, Callable[[Evaluator, Any], Value]] = {
    Literal: Evaluator.literal,
    Wrong: Evaluator.wrong,
    Name: Evaluator.name,
    Traversal: Evaluator.traversal,
    Template: Evaluator.template,
    Joined: Evaluator.joined,
    TupleOf: Evaluator.tuple,
    ObjectOf: Evaluator.object,
    Conditional: Evaluator.conditional,
    Unary: Evaluator.unary,
    Binary: Evaluator.binary,
    For: Evaluator.loop,
    Call: Evaluator.call,
}
# Nodes that make new values; others only find them.
_MAKERS = frozenset({Template, Joined, TupleOf, ObjectOf, For, Call})
