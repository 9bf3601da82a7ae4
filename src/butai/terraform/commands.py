"""Argument lists for the engine. Nothing is run here.

No variable value is ever an argument: other users of the machine can read those. Values go into a file (`-var-file`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from butai.terraform.engine import Engine
from butai.terraform.versions import version_key

_INIT_JSON_SINCE = {"terraform": "1.9.0", "tofu": "1.7.0"}


def init(engine: Engine) -> list[str]:
    """Prepare the root: backend, modules, providers. Lines of JSON where the engine has that, else plain text."""
    has_json = version_key(engine.version) >= version_key(_INIT_JSON_SINCE[engine.name])
    return [str(engine.path), "init", "-input=false", "-no-color", *(["-json"] if has_json else [])]


def workspace(engine: Engine, name: str, *, new: bool) -> list[str]:
    """Go into a workspace, for all commands that follow in this folder. (`select -or-create` is Terraform 1.4's.)"""
    return [str(engine.path), "workspace", "new" if new else "select", "-no-color", name]


def plan(engine: Engine, var_files: Sequence[Path] = (), *, out: Path | None = None, lock: bool = True) -> list[str]:
    """What an apply would do, as JSON lines. Exit code 2: there are changes; 0: there are none.

    Without `lock` it looks at the state beside whoever holds it: for plans that nobody applies.
    """
    more = [*([f"-out={out}"] if out else []), *([] if lock else ["-lock=false"])]
    return [str(engine.path), "plan", "-json", "-input=false", "-detailed-exitcode", *more, *_var_files(var_files)]


def plan_refresh_only(
    engine: Engine, var_files: Sequence[Path] = (), *, out: Path | None = None, lock: bool = True
) -> list[str]:
    """What differs between the state and the world, as JSON lines (`resource_drift`). Exit codes as for `plan`."""
    return [*plan(engine, out=out, lock=lock), "-refresh-only", *_var_files(var_files)]


def apply(engine: Engine, var_files: Sequence[Path] = ()) -> list[str]:
    """Plan and apply in one process, as JSON lines; asks nothing."""
    return [str(engine.path), "apply", "-json", "-auto-approve", "-input=false", *_var_files(var_files)]


def destroy(engine: Engine, var_files: Sequence[Path] = ()) -> list[str]:
    """Destroy everything in the state, as JSON lines; asks nothing."""
    return [str(engine.path), "apply", "-destroy", "-json", "-auto-approve", "-input=false", *_var_files(var_files)]


def plan_for_names(engine: Engine, var_files: Sequence[Path], *, out: Path) -> list[str]:
    """A plan that is only read for the names in it: takes no lock and asks the provider for nothing that is there."""
    return [*plan(engine, var_files, out=out), "-lock=false", "-refresh=false"]


def import_(engine: Engine, var_files: Sequence[Path], address: str, id_: str) -> list[str]:
    """Take an object that exists into the state."""
    return [str(engine.path), "import", "-input=false", "-no-color", *_var_files(var_files), "--", address, id_]


def output(engine: Engine) -> list[str]:
    """All outputs as JSON, the sensitive ones with their values too: never into a log."""
    return [str(engine.path), "output", "-json", "-no-color"]


def show(engine: Engine, plan_file: Path | None = None) -> list[str]:
    """The state, or a saved plan, as JSON, with sensitive values: never into a log."""
    return [str(engine.path), "show", "-json", "-no-color", *([str(plan_file)] if plan_file else [])]


def schemas(engine: Engine) -> list[str]:
    """What the root's providers say of their types, as JSON: 20 MB and some seconds for a large one."""
    return [str(engine.path), "providers", "schema", "-json", "-no-color"]


def pull(engine: Engine) -> list[str]:
    """The state's document, secrets and all, from wherever it lies: never into a log."""
    return [str(engine.path), "state", "pull"]


def untaint(engine: Engine, address: str) -> list[str]:
    """Keep an object that was finished after all, instead of making it again at the next apply."""
    return [str(engine.path), "untaint", "-no-color", "--", address]


def _var_files(paths: Sequence[Path]) -> list[str]:
    return [f"-var-file={path}" for path in paths]
