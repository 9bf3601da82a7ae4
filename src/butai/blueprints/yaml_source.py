"""YAML text to plain data, with the place of every key and value. Nothing in the text can run or grow.

Narrower than YAML 1.1 on purpose: `no`, `1:30`, `0120` and dates stay text (they are names and numbers of things),
a key stands once, and there are no anchors, aliases, tags or second documents, so a small file cannot become a large
one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from butai.text import joined, text

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 20

Path = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, order=True)
class Problem:
    """One fault, where it is, and a hint. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        words = joined(": ", (f"{self.file}:{self.line}:{self.column}", self.message))
        return text("{one} {other}", one=words, other=self.hint) if self.hint else words


@dataclass
class Source:
    """The data of one file and the places (line, column) of its keys and values by path."""

    file: str
    data: Any = None
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """A problem at a path, or at its nearest parent that the file holds."""
        places = (self.keys, self.values) if at_key else (self.values, self.keys)
        while path and not any(path in known for known in places):
            path = path[:-1]
        line, column = next((known[path] for known in places if path in known), (1, 1))
        return Problem(self.file, line, column, message, hint)


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem=text("anchors and aliases are not used here"), problem_mark=event.start_mark
            )
        if self.depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=text("nested too deeply"), problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_INT = r"[-+]?(?:0|[1-9][0-9]{0,30})"
_EXPONENT = r"[eE][-+]?[0-9]{1,4}"
# Assigned to the subclass, so that SafeLoader itself keeps its own rules.
_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in [
    ("bool", "true|false", list("tf")),
    ("null", "~|null|", ["~", "n", ""]),
    ("int", _INT, list("-+0123456789")),
    ("float", rf"{_INT}(?:\.[0-9]{{1,30}}(?:{_EXPONENT})?|{_EXPONENT})", list("-+0123456789")),
]:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), _first)


def read_yaml(content: str, file: str) -> Source:
    """Read one document. What is wrong with it is in `problems`; `data` is then what could be read."""
    source = Source(file)
    if len(content) > MAX_CHARACTERS:
        source.problems.append(
            Problem(file, 1, 1, text("The file is larger than {kib} KiB.", kib=MAX_CHARACTERS // 1024))
        )
        return source
    try:
        loader = _Loader(content)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        source.problems.append(_syntax_problem(error, file))
    except yaml.reader.ReaderError as error:
        line = content.count("\n", 0, error.position) + 1
        source.problems.append(Problem(file, line, 1, text("A character that YAML does not allow stands here.")))
    else:
        source.data = _value(node, (), source) if node else None
    return source


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(
        file,
        line,
        column,
        text("This is not YAML that can be read: {problem}.", problem=error.problem or error.context),
    )


def _value(node: yaml.Node, path: Path, source: Source) -> Any:
    source.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return _mapping(node, path, source)
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        return [_value(item, (*path, number), source) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        try:
            return _SCALARS[node.tag](node.value)
        except (KeyError, ValueError):
            pass  # a tag of its own, or `!!int "x"`
    source.problems.append(
        source.problem(path, text("A tag such as `!Ref` is not used here."), text("Write the value as it is."))
    )
    return None


def _mapping(node: yaml.MappingNode, path: Path, source: Source) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            source.problems.append(Problem(source.file, *place, "A key must be a plain name."))
            continue
        key = key_node.value
        if key in data:
            first = source.keys[(*path, key)][0]
            source.problems.append(
                Problem(
                    source.file,
                    *place,
                    text("`{key}` stands here twice.", key=key),
                    text("First in line {first}.", first=first),
                )
            )
            continue
        source.keys[(*path, key)] = place
        data[key] = _value(value_node, (*path, key), source)
    return data


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


_SCALARS: dict[str, Any] = {
    _TAG + "str": str,
    _TAG + "bool": {"true": True, "false": False}.__getitem__,
    _TAG + "null": lambda _text: None,
    _TAG + "int": int,
    _TAG + "float": _finite,
}
