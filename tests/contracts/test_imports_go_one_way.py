"""The way of data: `terraform/` and `aws/` know no rooms, a room is used through its service, nobody imports pages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "butai"
ROOMS = {"blueprints", "board", "deploys", "environments", "inventory", "leases"}
# What runs and states offer others: their service, and the plain types and shapes beside it.
SHARED = {"runs", "states"}
GROUND = {"terraform", "aws", "db", "git", "history"}


@cache
def imports() -> list[tuple[Path, str]]:
    return list(_imports())


def _imports() -> Iterator[tuple[Path, str]]:
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("butai."):
                yield from ((file, _module(node.module, alias.name)) for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((file, alias.name) for alias in node.names if alias.name.startswith("butai."))


def _module(base: str, name: str) -> str:
    """`from butai.leases import service` imports the module `butai.leases.service`."""
    path = SOURCE.joinpath(*base.split(".")[1:]) / f"{name}.py"
    return f"{base}.{name}" if path.exists() else base


def package(file: Path) -> str:
    parts = file.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def test_there_are_imports_to_look_at() -> None:
    assert len(imports()) > 200


@pytest.mark.parametrize("ground", sorted(GROUND))
def test_the_ground_knows_no_rooms(ground: str) -> None:
    allowed = {"errors", "text", "datafolder", "terraform", "aws", "db", "git", "history", "tables"}
    for file, module in imports():
        if package(file) == ground:
            assert module.split(".")[1] in allowed, f"{file}: {module}"


def test_a_room_uses_another_through_its_service() -> None:
    for file, module in imports():
        here, parts = package(file), module.split(".")
        if parts[1] in ROOMS and here in ROOMS | SHARED and here != parts[1]:
            assert parts[2:] == ["service"], f"{file}: {module}"


def test_runs_and_states_know_no_rooms() -> None:
    for file, module in imports():
        if package(file) in SHARED:
            assert module.split(".")[1] not in ROOMS | {"web", "demo", "localcloud"}, f"{file}: {module}"


def test_nothing_imports_pages_or_the_web() -> None:
    entrances = {"serve.py", "rooms.py"}
    for file, module in imports():
        if module.startswith("butai.web") and package(file) != "web":
            assert file.name in entrances or file.name.endswith("pages.py"), f"{file}: {module}"
        if module.endswith((".pages", ".api")) and file.name not in {*entrances, "pages.py"}:
            # A room whose door is wide has it in several files, for its API, its forms and its pages.
            own = module.split(".")[1] == package(file)
            assert own and file.name.endswith(("_api.py", "_forms.py", "_pages.py")), f"{file}: {module}"


def test_only_the_demo_knows_the_local_cloud() -> None:
    for file, module in imports():
        if module.startswith("butai.localcloud"):
            assert package(file) in {"localcloud", "demo"}, f"{file}: {module}"


def test_models_are_pure() -> None:
    forbidden = {"os", "time", "pathlib", "subprocess", "socket", "random", "secrets", "sqlalchemy", "httpx", "boto3"}
    models = list(SOURCE.rglob("model.py"))
    assert len(models) >= 5
    for file in models:
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                assert name.split(".")[0] not in forbidden, f"{file} imports {name}"
