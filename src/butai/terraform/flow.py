"""Which input variables stand behind an expression of a root, through its locals and resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from butai.terraform.hcl import Root
from butai.terraform.hcl_syntax import Expression


def expressions_behind(root: Root, start: Iterable[Expression], through: Iterable[str] = ()) -> list[Expression]:
    """These expressions and those they lead to, nearest first.

    Locals are always followed, and resources of the types in `through` (a data source as `data.TYPE`).
    """
    followed, seen, found = tuple(through), set[str](), list(start)
    for expression in found:
        for target in (_target(reference.path) for reference in expression.references):
            if target in seen:
                continue
            seen.add(target)
            if target.startswith("local."):
                local = root.locals.get(target.removeprefix("local."))
                found += [local.expression] if local else []
            elif target in root.resources and target.rpartition(".")[0] in followed:
                found += root.resources[target].body.expressions()
    return found


def paths_behind(root: Root, start: Iterable[Expression], through: Iterable[str] = ()) -> list[str]:
    """Every dotted path in these expressions and those they lead to, nearest first, each once."""
    found = expressions_behind(root, start, through)
    return list(dict.fromkeys(reference.path for expression in found for reference in expression.references))


def variables_behind(root: Root, start: Iterable[Expression], through: Iterable[str] = ()) -> list[str]:
    """The names of the input variables among them that the root declares."""
    paths = paths_behind(root, start, through)
    names = dict.fromkeys(path.split(".")[1] for path in paths if path.startswith("var."))
    return [name for name in names if name in root.variables]


def resource_types(paths: Iterable[str]) -> Iterator[str]:
    """The types of the resources and data sources that paths name."""
    for path in paths:
        parts = path.removeprefix("data.").split(".")
        if len(parts) > 1 and "_" in parts[0]:
            yield parts[0]


def _target(path: str) -> str:
    """What a path names: `local.x`, `aws_lb.main`, `data.aws_lb.main`; attributes cut off."""
    return ".".join(path.split(".")[: 3 if path.startswith("data.") else 2])
