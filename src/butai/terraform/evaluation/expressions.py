"""The value of a parsed expression, by the rules of HCL: what is refused is counted, what is unknown stays so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from butai.terraform.evaluation.types import ANY, BOOL, STRING, Type
from butai.terraform.evaluation.unification import unify
from butai.terraform.evaluation.values import (
    FALSE,
    NOT_KNOWN,
    REFUSED,
    TRUE,
    Refused,
    Value,
    has_open_type,
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
            found = REFUSED
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
        is_known, refusals = True, self.refusals
        for key, value in node.items:
            name, content = self.key(key), self.value(value)
            if name is None:
                is_known = False
            else:
                found[name] = content
        if not is_known:
            return REFUSED if self.refusals > refusals else NOT_KNOWN
        return object_of(found)

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
        condition = self.operation(_CONDITION, [self.value(node.condition)])
        if condition.is_unknown:
            return null(common) if when_true.is_null and when_false.is_null else unknown(common)
        chosen, is_refused, missed = branches[condition.raw]
        self.refusals += is_refused
        # Where the other one's type is not known, it is not known either whether they go together.
        other, other_refused, _ = branches[not condition.raw]
        self.gaps += missed + (has_open_type(other) and not other_refused)
        return self.operation(Operation(ANY, common, lambda value: convert(value, common)), [chosen])

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
            return REFUSED
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


def _checked(condition: Value) -> Value:
    if condition.is_null:
        raise Refused
    return condition


_CONDITION = Operation(BOOL, BOOL, _checked)
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
