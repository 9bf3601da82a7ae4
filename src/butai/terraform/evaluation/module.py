"""A module's variables and locals as values, each worked out when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from butai.terraform.evaluation.conversion import convert, with_defaults
from butai.terraform.evaluation.declared_types import NoType, parse_type
from butai.terraform.evaluation.expressions import Budget, Evaluator
from butai.terraform.evaluation.limits import MOST_STEPS, BeyondLimits
from butai.terraform.evaluation.parsing import parse_expression
from butai.terraform.evaluation.references import is_constant, references, walk
from butai.terraform.evaluation.scope import ListFiles, ReadFile, Scope
from butai.terraform.evaluation.syntax import Node, Wrong
from butai.terraform.evaluation.types import Type
from butai.terraform.evaluation.values import NOT_KNOWN, Refused, Value, plain, unknown
from butai.terraform.hcl_literals import UNKNOWN

# A module that takes more has unknown locals.
_MOST_STEPS_OF_A_MODULE = 10 * MOST_STEPS


@dataclass(frozen=True)
class Declaration:
    """An input variable as its block declares it: texts of its type (may be empty) and default (none without one)."""

    type: str = ""
    default: str | None = None
    nullable: bool = True
    sensitive: bool = False


def evaluate(text: str, scope: Scope) -> Any:
    """The plain value of an expression's source text; UNKNOWN where it has none or it cannot be known here."""
    return plain(evaluate_value(text, scope))


def evaluate_value(text: str, scope: Scope) -> Value:
    """As `evaluate`, with its type."""
    node = parse_expression(text)
    if node is None or is_wrong(node, scope):
        return NOT_KNOWN
    try:
        return Evaluator(scope, Budget()).result(node)
    except (Refused, BeyondLimits, RecursionError):
        return NOT_KNOWN


def is_wrong(node: Node, scope: Scope) -> bool:
    """Whether it refers to what a configuration cannot have, such as a variable that is not declared."""
    for name, attribute in references(node):
        given = scope.named(name)
        if not attribute and name != "self":
            return True
        if given is not None and scope.must_have(name) and attribute not in given:
            return True
    return any(isinstance(each, Wrong) for each in walk(node))


def evaluate_module(
    variables: Mapping[str, Declaration],
    values: Mapping[str, str],
    local_values: Mapping[str, str],
    *,
    read: ReadFile | None = None,
    files: ListFiles | None = None,
    root: str = ".",
    module: str | None = ".",
    workspace: str | None = None,
) -> ModuleScope:
    """The scope of a module's expressions.

    `values`: what variable files give, as expressions' texts; `local_values`: those of the locals.
    `root`, `module`, `workspace`, `read` and `files` are as in `Scope`.
    """
    base = Scope(read=read, files=files, root=root, module=module, workspace=workspace)
    return ModuleScope(variables, values, local_values, base)


class ModuleScope:
    """What a module's expressions may refer to. `scope` is good for `evaluate`, `scope_of` for one block's instance."""

    def __init__(
        self,
        variables: Mapping[str, Declaration],
        values: Mapping[str, str],
        local_values: Mapping[str, str],
        base: Scope,
    ) -> None:
        self._declarations = variables
        self._given = values
        self._nodes = {name: parse_expression(text) for name, text in local_values.items()}
        self._needs = _needs(self._nodes)
        self._order = _ordered(self._needs)
        self._steps = _MOST_STEPS_OF_A_MODULE
        self.variables = _Lazy(variables, self._variable)
        self.locals = _Lazy(local_values, self._local)
        self.scope = replace(base, variables=self.variables, locals=self.locals, is_closed=True)

    def variable(self, name: str) -> Any:
        """A variable's plain value: given, or its default, in its declared type. UNKNOWN for one that is not declared."""
        return plain(self.variables[name]) if name in self.variables else UNKNOWN

    def local(self, name: str) -> Any:
        """A local's plain value. UNKNOWN for one that is not declared."""
        return plain(self.locals[name]) if name in self.locals else UNKNOWN

    def evaluate(self, text: str) -> Any:
        """The plain value of an expression of this module."""
        return evaluate(text, self.scope)

    def is_sensitive(self, name: str) -> bool:
        """Whether a variable is declared sensitive: its value is known here like any other."""
        return name in self._declarations and self._declarations[name].sensitive

    def _variable(self, name: str) -> Value:
        declared = self._declarations[name]
        try:
            kind = parse_type(declared.type)
        except NoType:
            return NOT_KNOWN
        texts = [each for each in (self._given.get(name), declared.default) if each is not None]
        if not texts:
            return unknown(kind.opened())
        found = _constant(texts[0], kind)
        if found.is_null and not declared.nullable:
            # Null stands for the default then.
            return _constant(declared.default, kind) if declared.default else NOT_KNOWN
        return found

    def _local(self, name: str) -> Value:
        # What it needs comes first, so that a long chain of locals takes no deep stack.
        for each in self._missing(name):
            self.locals[each]
        node = self._nodes[name]
        if node is None or name not in self._order or is_wrong(node, self.scope):
            return NOT_KNOWN
        budget = Budget(min(MOST_STEPS, self._steps))
        before = budget.steps
        try:
            return Evaluator(self.scope, budget).result(node)
        except (Refused, BeyondLimits, RecursionError):
            return NOT_KNOWN
        finally:
            self._steps -= before - budget.steps

    def _missing(self, name: str) -> list[str]:
        """The locals that one needs, at any depth, and that are not made yet; each after what it needs itself."""
        found: set[str] = set()
        waiting = [name] if name in self._order else []
        while waiting:
            new = self._needs[waiting.pop()] - found
            found |= new
            waiting += (each for each in new if not self.locals.is_made(each))
        return sorted((each for each in found if not self.locals.is_made(each)), key=self._order.__getitem__)


def _needs(nodes: Mapping[str, Node | None]) -> dict[str, set[str]]:
    """The locals that each local refers to itself."""
    return {
        name: {each for kind, each in references(node) if kind == "local" and each in nodes} if node else set()
        for name, node in nodes.items()
    }


def _ordered(needs: Mapping[str, set[str]]) -> dict[str, int]:
    """Each local's place behind all that it needs; none for those that need themselves."""
    users: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for each in needed:
            users.setdefault(each, []).append(name)
    left = {name: len(needed) for name, needed in needs.items()}
    ready = [name for name, number in left.items() if number == 0]
    found: dict[str, int] = {}
    while ready:
        name = ready.pop()
        found[name] = len(found)
        for user in users.get(name, ()):
            left[user] -= 1
            if left[user] == 0:
                ready.append(user)
    return found


class _Lazy(Mapping[str, Value]):
    """Values by name, each made once."""

    def __init__(self, names: Mapping[str, Any], make: Callable[[str], Value]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def is_made(self, name: str) -> bool:
        """Whether it was asked for before."""
        return name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def _constant(text: str, kind: Type) -> Value:
    """A default or a given value, which refers to nothing and calls nothing, in the declared type."""
    node = parse_expression(text)
    if node is None or not is_constant(node):
        return NOT_KNOWN
    try:
        return convert(with_defaults(Evaluator(Scope(), Budget()).result(node), kind), kind)
    except (Refused, BeyondLimits, RecursionError):
        return NOT_KNOWN
