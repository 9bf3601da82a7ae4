"""`butai inventory ...` and `butai map --html`, without a network in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from butai.assembly import assemble
from butai.cli import app as whole
from butai.errors import ButaiError, Exit, WrongUseError
from butai.inventory import commands
from butai.rooms import ROOMS
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.sign_in import SignIn
from support.alone import carried_by
from support.in_process import Api
from support.repository import WorkingTree

HOST = "http://127.0.0.1:8713"
Run = Callable[..., tuple[str, str]]


@pytest.fixture
def infra(tmp_path: Path) -> WorkingTree:
    tree = WorkingTree(tmp_path / "infra")
    tree.commit({"live/main.tf": 'resource "aws_sqs_queue" "calls" {}'})
    return tree


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `butai inventory ...`: gives stdout and stderr."""
    butai = assemble(Settings(data=tmp_path / "data"))
    sign_in = SignIn(butai.data)
    http = TestClient(create_app(butai, ROOMS, sign_in, 8713), base_url=HOST)
    http.headers["Authorization"] = f"Bearer {sign_in.cli_key}"
    monkeypatch.setattr(commands, "api", lambda: Api(http))

    def run(*arguments: str) -> tuple[str, str]:
        done = CliRunner().invoke(commands.app, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout, done.stderr

    yield run
    butai.database.close()


def test_a_repository_is_added_listed_shown_and_removed(run: Run, infra: WorkingTree) -> None:
    assert "No repository yet" in run("list")[1]
    assert run("add", str(infra.path))[1].startswith("infra is in the inventory, at ")
    assert run("list")[0].split("\t")[:2] == ["infra", "main"]
    told, said = run("show", "infra")[::-1]
    assert "1 roots, 0 modules, 1 resources" in told and str(infra.path) in said
    assert '"resources": 1' in run("show", "infra", "--json")[0]
    assert isinstance(CliRunner().invoke(commands.app, ["add", " "]).exception, WrongUseError)
    run("remove", "infra")
    assert run("list", "--json")[0].strip() == "[]"


def test_the_map_is_written_as_a_page(infra: WorkingTree, tmp_path: Path) -> None:
    file = tmp_path / "map.html"
    done = CliRunner().invoke(whole, ["map", str(infra.path), "--html", str(file)])
    assert done.exit_code == 0 and "open it in a browser" in done.stderr
    found = carried_by(file.read_text())
    assert [*found["source"].values()] == ['resource "aws_sqs_queue" "calls" {}']
    assert found["rules"]["colours"] == ["kind", "age", "churn"] and any(found["figures"]["age"])
    CliRunner().invoke(whole, ["map", str(infra.path), "--html", str(file), "--no-source", "--no-history"])
    without = carried_by(file.read_text())
    assert without["source"] is None and without["rules"]["colours"] == ["kind"]
    assert without["nodes"] == found["nodes"]
    refused = CliRunner().invoke(whole, ["map", str(infra.path), "--html", str(tmp_path / "nowhere" / "map.html")])
    assert isinstance(refused.exception, WrongUseError) and refused.exception.where == "--html"


@pytest.mark.parametrize(
    ("arguments", "where", "said"),
    [
        (["--engine", "tf"], "--engine", "`tf` is no engine"),
        (["--impact", "x", "--needs", "y"], "--needs", "One at a time: --impact, --needs"),
        (["--html", "x.html", "--json"], "--html", "One at a time: --html, --json"),
        (["--root", "live"], "--root", "Say `--state FILE` too"),
        (["--state", "nowhere.tfstate"], "--state", "cannot be read"),
        (["--state", "{file}", "--root", "gone"], "root", "Known: live"),
        (["--state", "{file}"], "{file}", "no state document of format version 4"),
        (["--impact", "aws_sqs_queue.cals"], "", "Did you mean `aws_sqs_queue.calls`?"),
        (["--needs", "?"], "", "There is no `?`"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    infra: WorkingTree, tmp_path: Path, arguments: list[str], where: str, said: str
) -> None:
    file = tmp_path / "terraform.tfstate"
    file.write_text("{}")
    given = [each.format(file=file) for each in arguments]
    refused = CliRunner().invoke(whole, ["map", str(infra.path), *given]).exception
    assert isinstance(refused, ButaiError) and refused.exit == Exit.WRONG_USE
    assert refused.where == where.format(file=file) and said in str(refused)
