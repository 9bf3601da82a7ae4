"""The argument lists, word by word; the real engine takes them in the other files here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from butai.terraform import commands
from butai.terraform.engine import Engine
from support.tiny_root import TinyRoot

ENGINE = Engine("terraform", Path("/e/terraform"), "1.11.4")
VALUES = [Path("/r/a.tfvars.json"), Path("/r/b c.tfvars.json")]
FILES = ["-var-file=/r/a.tfvars.json", "-var-file=/r/b c.tfvars.json"]


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (commands.init(ENGINE), ["init", "-input=false", "-no-color", "-json"]),
        (commands.plan(ENGINE, VALUES), ["plan", "-json", "-input=false", "-detailed-exitcode", *FILES]),
        (commands.plan(ENGINE, out=Path("/r/p")), ["plan", "-json", "-input=false", "-detailed-exitcode", "-out=/r/p"]),
        (
            commands.plan_refresh_only(ENGINE, VALUES),
            ["plan", "-json", "-input=false", "-detailed-exitcode", "-refresh-only", *FILES],
        ),
        (commands.apply(ENGINE, VALUES), ["apply", "-json", "-auto-approve", "-input=false", *FILES]),
        (commands.destroy(ENGINE, VALUES), ["apply", "-destroy", "-json", "-auto-approve", "-input=false", *FILES]),
        (commands.output(ENGINE), ["output", "-json", "-no-color"]),
        (commands.show(ENGINE), ["show", "-json", "-no-color"]),
        (commands.show(ENGINE, Path("/r/p")), ["show", "-json", "-no-color", "/r/p"]),
        (commands.untaint(ENGINE, 'a.b["c d"]'), ["untaint", "-no-color", "--", 'a.b["c d"]']),
    ],
)
def test_words(built: list[str], expected: list[str]) -> None:
    assert built == ["/e/terraform", *expected]


@pytest.mark.parametrize(
    ("name", "version", "has_json"),
    [
        ("terraform", "1.8.5", False),
        ("terraform", "1.9.0-rc1", False),
        ("terraform", "1.9.0", True),
        ("terraform", "1.10.0", True),
        ("tofu", "1.6.2", False),
        ("tofu", "1.7.0", True),
    ],
)
def test_init_speaks_json_where_the_engine_can(name: str, version: str, has_json: bool) -> None:
    assert ("-json" in commands.init(Engine(name, Path("/e"), version))) is has_json


def test_a_real_engine_takes_them_all(tiny: TinyRoot) -> None:
    values = tiny.values(environment="qa-1")
    saved = tiny.folder / "plan.out"
    assert tiny.run(commands.plan(tiny.engine, values, out=saved)).returncode == 2
    assert json.loads(tiny.run(commands.show(tiny.engine, saved)).stdout)["resource_changes"]
    assert tiny.run(commands.apply(tiny.engine, values)).returncode == 0
    assert tiny.run(commands.plan(tiny.engine, values)).returncode == 0
    assert tiny.run(commands.plan_refresh_only(tiny.engine, values)).returncode == 0
    assert json.loads(tiny.run(commands.output(tiny.engine)).stdout)["address"]["value"] == "http://qa-1.localhost"
    assert json.loads(tiny.run(commands.show(tiny.engine)).stdout)["values"]
    assert tiny.run(commands.apply(tiny.engine, tiny.values(environment="qa-1", exit_code=1))).returncode == 1
    assert tiny.run(commands.untaint(tiny.engine, "terraform_data.second")).returncode == 0
    assert tiny.run(commands.destroy(tiny.engine, values)).returncode == 0
