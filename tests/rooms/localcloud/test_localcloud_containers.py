"""The contract with a container: command, environment, Procfile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.localcloud.containers import (
    ContainerError,
    LogTarget,
    argv,
    environment,
    read_definition,
    read_procfile,
    split_line,
)


def container(**definition: Any) -> Any:
    return read_definition({"name": "web", "image": "r.io/web:main", **definition})


def test_a_definition_in_full() -> None:
    options = {"awslogs-group": "/g", "awslogs-stream-prefix": "p"}
    made = container(
        essential=False,
        entryPoint=["/bin/x"],
        command=["y"],
        environment=[{"name": "A", "value": "1"}],
        secrets=[{"name": "S", "valueFrom": "/s"}],
        stopTimeout=7,
        logConfiguration={"logDriver": "awslogs", "options": options},
    )
    assert (made.essential, made.entry_point, made.command) == (False, ("/bin/x",), ("y",))
    assert (made.environment, made.secrets, made.stop_timeout_s) == ({"A": "1"}, {"S": "/s"}, 7.0)
    assert made.logs == LogTarget("/g", "p")


def test_what_a_definition_leaves_out() -> None:
    made = container(logConfiguration={"logDriver": "json-file"})
    assert (made.essential, made.command, made.environment, made.stop_timeout_s, made.logs) == (
        True,
        (),
        {},
        30.0,
        None,
    )


def test_the_environment_is_the_definitions_and_little_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTAI_KEY", "secret")
    made = container(environment=[{"name": "PORT", "value": "80"}, {"name": "AWS_REGION", "value": "mine"}])
    env = environment(made, {"S": "t"}, cloud={"AWS_REGION": "cloud"}, port=4321, home=tmp_path)
    assert env["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    del env["PATH"]
    assert env == {
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_REGION": "mine",
        "S": "t",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PORT": "4321",
    }


def test_own_command_wins_and_is_taken_word_by_word(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: other\n")
    assert argv(container(command=["sh", "-c", "echo $PORT"]), tmp_path, {"PORT": "1"}) == ["sh", "-c", "echo $PORT"]
    made = container(entryPoint=["python3"], command=["a b.py"])
    assert argv(made, tmp_path, {}) == [sys.executable, "a b.py"]


@pytest.mark.parametrize(
    ("procfile", "command"),
    [
        ("web: one\napi: two\n", ["two"]),
        ("worker: three\nweb: one\n", ["one"]),
        ("# web: no\n\nworker: three --a 'b c'\nother: x\n", ["three", "--a", "b c"]),
        ("api: exec python app.py $PORT ${PORT} ${NONE:-8} $NONE\n", [sys.executable, "app.py", "1", "1", "8", ""]),
    ],
)
def test_the_procfile_line(tmp_path: Path, procfile: str, command: list[str]) -> None:
    (tmp_path / "Procfile").write_text(procfile)
    assert argv(container(name="api"), tmp_path, {"PORT": "1"}) == command


@pytest.mark.parametrize(
    "procfile", [None, "", "no colon\n", "web:\n", "web: a && b\n", "web: a | b\n", "web: 'open\n"]
)
def test_no_usable_command_is_an_error_of_the_task(tmp_path: Path, procfile: str | None) -> None:
    if procfile is not None:
        (tmp_path / "Procfile").write_text(procfile)
    with pytest.raises(ContainerError, match="CannotStartContainerError"):
        argv(container(), tmp_path, {})


@given(st.text())
def test_any_text_is_a_procfile(text: str) -> None:
    assert all(command == command.strip() and command for command in read_procfile(text).values())


@given(st.text(alphabet="ab$;&|'\"$(){}`*~ ", max_size=30), st.text(max_size=10))
def test_values_are_never_split_nor_run(line: str, value: str) -> None:
    """A variable's text stays one word, whatever it holds."""
    try:
        plain = split_line(line, {})
        filled = split_line(line + " $V", {"V": value})
    except ContainerError:
        return
    if len(filled) == len(plain) + 1:
        assert filled[-1] == value
