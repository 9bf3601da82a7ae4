"""The command line against a real server and a real worker: what it prints, and the exit codes it leaves with."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butai.settings import Settings
from support.carrying import wait_for
from support.tiny_team import TOKEN, Server, TinyTeam, Worker


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def team(place: Path) -> TinyTeam:
    return TinyTeam(place / "team")


@pytest.fixture(scope="module")
def settings(place: Path) -> Settings:
    return Settings(data=place / "data", concurrency=2)


@pytest.fixture(scope="module")
def server(place: Path, settings: Settings) -> Iterator[Server]:
    server = Server(settings, place / "server.log")
    server.start()
    yield server
    assert server.end() == 0


@pytest.fixture(scope="module")
def worker(place: Path, settings: Settings, server: Server) -> Iterator[Worker]:
    worker = Worker(settings, place / "worker.log")
    worker.start()
    yield worker
    assert worker.end() == 0


def test_the_whole_way_by_commands(server: Server, worker: Worker, team: TinyTeam) -> None:
    empty = server.butai("env", "list")
    assert (empty.returncode, empty.stdout) == (0, "") and "butai env create" in empty.stderr
    none = server.butai("env", "create", "qa-1")
    assert none.returncode == 2 and "butai blueprint add" in none.stderr

    added = server.butai("blueprint", "add", str(team.infra.path))
    assert added.returncode == 0, added.stderr
    made = server.butai("env", "create", "qa-1", "--service", "web=blue", "--purpose", "Trial", "--owner", "mika")
    assert made.returncode == 0, made.stderr
    assert "\x1b" not in made.stdout + made.stderr, "no colours without a terminal"
    assert "terraform_data.image" in made.stderr

    listed = server.butai("env", "list")
    assert listed.stdout.split("\t")[:2] == ["qa-1", "Up"]
    shown = json.loads(server.butai("env", "show", "qa-1", "--json").stdout)
    assert (shown["owner"], shown["services"][0]["branch"], len(shown["runs"])) == ("mika", "blue", 1)
    logs = server.butai("env", "logs", "qa-1")
    assert "Apply complete" in logs.stdout

    taken = server.butai("env", "create", "qa-1", "--json")
    assert taken.returncode == 3
    assert json.loads(taken.stdout)["error"]["code"] == "name-taken"
    half = server.butai("env", "update", "qa-1", "--var", "exit_code=3")
    assert half.returncode == 5 and "main.tf" in half.stderr and "butai env next qa-1" in half.stderr
    mended = server.butai("env", "update", "qa-1", "--var", "exit_code=0", "--service", "web=main", "--json")
    assert mended.returncode == 0 and json.loads(mended.stdout)["services"][0]["branch"] == "main"

    for confirm in ([], ["--confirm", "qa"]):
        refused = server.butai("env", "destroy", "qa-1", *confirm)
        assert refused.returncode == 2 and "--confirm qa-1" in refused.stderr
    gone = server.butai("env", "destroy", "qa-1", "--confirm", "qa-1")
    assert gone.returncode == 0 and "Destroyed" in gone.stderr
    assert json.loads(server.butai("env", "list", "--json").stdout) == []


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["env", "show", "none"], 2, "no environment `none`"),
        (["env", "create", "Bad Name"], 2, "Try `bad-name`"),
        (["env", "create", "qa-2", "--service", "web"], 2, "NAME=VALUE"),
        (["env", "create", "qa-2", "--service", "wep=main"], 2, "Did you mean `web`?"),
        (["env", "create", "qa-2", "--service", "web=bleu"], 2, "Did you mean `blue`?"),
        (["env", "create", "qa-2", "--var", "sleeps=1"], 2, "Did you mean `sleep_s`?"),
        (["env", "create", "qa-2", "--engine", "tofuu"], 2, "no engine called"),
        (["env", "logs", "--run", "999"], 2, "no run 999"),
        (["env", "nonsense"], 2, "No such command"),
        (["blueprint", "add", "/nonexistent"], 2, "/nonexistent"),
        (["init", "/nonexistent"], 2, "no folder"),
    ],
)
def test_wrong_use_says_what_and_what_to_do(
    server: Server, team: TinyTeam, argv: list[str], code: int, words: str
) -> None:
    server.butai("blueprint", "add", str(team.infra.path))
    done = server.butai(*argv)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path, server: Server) -> None:
    done = server.butai("env", "list", BUTAI_DATA=str(tmp_path))
    assert done.returncode == 1 and "butai serve" in done.stderr
    away = server.butai("env", "list", "--json", BUTAI_URL="http://127.0.0.1:1")
    assert away.returncode == 1 and json.loads(away.stdout)["error"]["code"] == "no-server"


def test_with_a_wrong_key_it_is_not_logged_in(tmp_path: Path, server: Server, settings: Settings) -> None:
    url = json.loads((settings.data / "server.json").read_text())["url"]
    (tmp_path / "cli.key").write_text("wrong")
    done = server.butai("env", "list", BUTAI_DATA=str(tmp_path), BUTAI_URL=url)
    assert done.returncode == 4


def test_a_second_server_on_the_data_folder_is_refused(server: Server) -> None:
    done = server.butai("serve", "--port", "0")
    assert done.returncode == 3 and "already works on" in done.stderr


def test_a_port_in_use_and_an_open_address_are_refused(server: Server, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = server.butai("serve", "--port", str(taken.getsockname()[1]), BUTAI_DATA=str(tmp_path / "a"))
        assert done.returncode == 3 and "--port 0" in done.stderr
    for host in ("0.0.0.0", "::", "192.168.1.1", "example.com"):
        done = server.butai("serve", "--host", host, BUTAI_DATA=str(tmp_path / "b"))
        assert done.returncode == 3 and "no login yet" in done.stderr


def test_doctor_looks_at_everything(server: Server, tmp_path: Path) -> None:
    done = server.butai("doctor", BUTAI_DATA=str(tmp_path / "new"))
    assert done.returncode == 0, done.stdout
    assert "Terraform or OpenTofu" in done.stdout and "provider mirror" in done.stdout
    assert "runs at once: as measured" in done.stdout
    bad = server.butai("doctor", "--json", BUTAI_DATA=str(tmp_path / "new"), BUTAI_PROVIDER_MIRROR="/nonexistent")
    assert bad.returncode == 1
    engine = next(each for each in json.loads(bad.stdout) if each["name"] == "engine")
    assert any(part["result"] == "not OK" and part["remedy"] for part in engine["parts"])


def test_reference_commands(server: Server) -> None:
    codes = server.butai("help", "exit-codes").stdout
    assert [line.split("\t")[0] for line in codes.splitlines()] == ["0", "1", "2", "3", "4", "5", "8", "130"]
    assert "BUTAI_DATA" in server.butai("help", "config").stdout
    assert server.butai("--version").stdout.strip()


def test_init_writes_a_first_blueprint_and_never_over_one(server: Server, tmp_path: Path, team: TinyTeam) -> None:
    root = tmp_path / "shop" / "staging"
    root.mkdir(parents=True)
    (root / "main.tf").write_text((team.infra.path / "staging" / "main.tf").read_text())
    done = server.butai("init", str(root))
    assert done.returncode == 0, done.stderr
    assert "environment_variable: environment" in (root / "butai.yaml").read_text()
    again = server.butai("init", str(root))
    assert again.returncode == 3 and "--force" in again.stderr
    (root / "workspace.tf").write_text("locals {\n  name = terraform.workspace\n}\n")
    refused = server.butai("init", str(root), "--force")
    assert refused.returncode == 2 and "workspace.tf:2" in refused.stderr


def test_stopping_and_mending_by_commands(server: Server, worker: Worker, team: TinyTeam) -> None:
    server.butai("blueprint", "add", str(team.infra.path))
    made = server.butai("env", "create", "mend", "--var", "sleep_s=60", "--no-wait")
    assert made.returncode == 0, made.stderr

    def shown() -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(server.butai("env", "show", "mend", "--json").stdout)
        return answer

    wait_for(lambda: shown()["last_run"]["done"] >= 1, seconds=60, why="the slow one is being made")
    early = server.butai("env", "cancel", "mend", "--hard", "--confirm", "mend")
    assert early.returncode == 3 and "butai env cancel mend" in early.stderr
    stopped = server.butai("env", "cancel", "mend")
    assert stopped.returncode == 0 and "terraform_data.slow: it ends tainted" in stopped.stderr
    wait_for(lambda: shown()["last_run"]["settled_at"], seconds=60, why="it ends")
    left = server.butai("env", "orphans", "mend")
    assert left.returncode == 0 and "tainted" in left.stdout and "terraform_data.slow" in left.stdout
    wrong = server.butai("env", "untaint", "mend", "terraform_data.slo")
    assert wrong.returncode != 0 and "terraform_data.slow" in wrong.stderr
    kept = server.butai("env", "untaint", "mend", "terraform_data.slow", "--json")
    assert kept.returncode == 0, kept.stderr
    assert (json.loads(kept.stdout)["kind"], json.loads(kept.stdout)["end"]) == ("untaint", "succeeded")
    assert json.loads(server.butai("env", "orphans", "mend", "--json").stdout) == {"orphans": [], "tainted": []}
    assert server.butai("env", "adopt", "mend", "terraform_data.slow").returncode != 0, "the state knows it"
    assert server.butai("env", "destroy", "mend", "--confirm", "mend").returncode == 0


def test_a_state_by_commands(server: Server, worker: Worker, team: TinyTeam, place: Path) -> None:
    server.butai("blueprint", "add", str(team.infra.path))
    assert server.butai("env", "create", "qa-7", "--service", "web=main").returncode == 0
    assert server.butai("env", "update", "qa-7", "--service", "web=blue").returncode == 0
    listed = server.butai("env", "state", "history", "qa-7", "--json")
    report = json.loads(listed.stdout)
    assert listed.returncode == 0 and report["lock"] is None and report["versions"][0]["run_kind"] == "update"
    first = next(each["number"] for each in report["versions"] if each["run_kind"] == "create")
    found = server.butai("env", "state", "diff", "qa-7", str(first))
    assert "~ terraform_data.image: " in found.stdout and "input" in found.stdout, found.stderr
    assert "~ output image: registry.example/web:" in found.stdout and TOKEN not in found.stdout

    file = place / "exported.tfstate"
    exported = server.butai("env", "state", "export", "qa-7", str(file))
    assert exported.returncode == 0 and "secrets" in exported.stderr and TOKEN not in exported.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and TOKEN in file.read_text()
    again = server.butai("env", "state", "export", "qa-7", str(file))
    assert again.returncode == 3 and "already" in again.stderr
    assert server.butai("env", "state", "export", "qa-7", "-").stdout == file.read_text(), "a pipe may have it"

    stale = server.butai("env", "state", "import", "qa-7", str(file), "--confirm", "qa-7")
    assert stale.returncode == 2 and "serial" in stale.stderr
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, "serial": document["serial"] + 1}))
    assert server.butai("env", "state", "import", "qa-7", str(file)).returncode == 2, "the name has to be typed"
    done = server.butai("env", "state", "import", "qa-7", str(file), "--confirm", "qa-7")
    assert done.returncode == 0 and "succeeded" in done.stderr, done.stderr

    refused = server.butai("env", "state", "roll-back", "qa-7", str(first))
    assert refused.returncode == 2 and "--confirm qa-7" in refused.stderr
    rolled = server.butai("env", "state", "roll-back", "qa-7", str(first), "--confirm", "qa-7")
    assert rolled.returncode == 0 and "Known otherwise: terraform_data.image" in rolled.stderr, rolled.stderr
    assert server.butai("env", "state", "release-lock", "qa-7").returncode == 2, "nothing is locked"
