"""`butai env update --all` and `butai env rollout`: viewers of a rollout, which goes on by itself. Over the public API alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer

from butai.client import Api, connect
from butai.environments.drift_commands import attribute_lines
from butai.environments.watch import LOOK_EVERY_S, Reads, exit_of
from butai.environments.waves import dangerous, summed
from butai.errors import Exit, NotFoundError, WrongUseError
from butai.patience import Patient
from butai.settings import Settings
from butai.terminal import JsonFlag, print_json, say, talk

PASSING = ("going", "between")


@dataclass
class Outcome:
    """What became of all of them, by `BLUEPRINT/NAME`; `left` and `failed` say why."""

    to: str
    rollout: int
    plans: list[dict[str, Any]] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    going_on: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    exit: Exit = Exit.DONE


def outcome_of(server: Reads, rollout: dict[str, Any]) -> Outcome:
    """What the lines of a rollout add up to, with the worst exit code of what failed."""
    outcome = Outcome(rollout["ref"], rollout["id"])
    lists = {"Updated": outcome.done, "Is there already": outcome.already, "Waits": outcome.waiting}
    for line in rollout["lines"]:
        name, word = line["name"], line["word"]
        if line["plan"] and word not in ("Is there already", "Planning") and line["does"]:
            outcome.plans.append(line)
        if word == "Failed":
            outcome.failed[name] = line["reason"]
            outcome.exit = max(outcome.exit, _exit_of(server, line))
        elif word == "Left for later":
            outcome.left[name] = line["reason"]
        else:
            lists.get(word, outcome.going_on).append(name)
    return outcome


def _exit_of(server: Reads, line: dict[str, Any]) -> Exit:
    if line["run"] is None:
        return Exit.FAILED
    environment = server.get(f"/api/v1/environments/by-id/{line['environment_id']}")
    code = exit_of({**environment, "last_run": server.get(f"/api/v1/runs/{line['run']}")})
    return code if code is not Exit.DONE else Exit.FAILED


def update_all(server: Api, to: str, *, at_once: int, blueprint: str, yes: bool, wait: bool, as_json: bool) -> None:
    """Plans, one question, waves; leaves with the exit code of what came of it."""
    rollout = server.post("/api/v1/rollouts", {"ref": to, "blueprint": blueprint, "at_once": at_once})
    rollout = _until(server, rollout, lambda phase: phase != "planning")
    planned = outcome_of(server, rollout)
    for line in summary(planned):
        say(line)
    if rollout["phase"] != "asked":
        _leave(planned, as_json=as_json)
    if not (yes or _confirmed(len(planned.waiting))):
        say("Nothing was changed.")
        raise typer.Exit(Exit.REFUSED)
    rollout = server.post(f"/api/v1/rollouts/{rollout['id']}/begin")
    if not wait:
        print_json(rollout) if as_json else say(_goes_on(rollout["id"]))
        return
    follow(rollout, as_json=as_json)


def follow(rollout: dict[str, Any], *, as_json: bool) -> None:
    """Show how it goes on until it is over. Ctrl-C begins no further wave; what was begun goes on."""
    server = Patient(lambda: connect(Settings()))
    try:
        rollout = _until(server, rollout, lambda phase: phase not in PASSING, aloud=True)
    except KeyboardInterrupt:
        stopped = connect(Settings()).post(f"/api/v1/rollouts/{rollout['id']}/stop")
        outcome = outcome_of(server, stopped)
        outcome.exit = Exit.INTERRUPTED
        say(f"No further wave is begun. `butai env rollout {rollout['id']} --go-on` begins them after all.")
        _leave(_held(outcome), as_json=as_json)
    outcome = outcome_of(server, rollout)
    _leave(_held(outcome) if rollout["phase"] == "held" else outcome, as_json=as_json)


def _held(outcome: Outcome) -> Outcome:
    outcome.left |= dict.fromkeys(outcome.waiting, "stopped")
    return outcome


def _until(server: Reads, rollout: dict[str, Any], there: Any, *, aloud: bool = False) -> dict[str, Any]:
    """Look until its phase is one of those; `aloud`: say what each environment comes to."""
    said: dict[str, str] = {}
    while True:
        for line in rollout["lines"] if aloud else ():
            if line["word"] != said.get(line["name"], "Waits") and line["run"]:
                word = f"run {line['run']} is queued" if line["word"] == "Updating" else line["word"].lower()
                say(f"{line['name']}: {word}")
            said[line["name"]] = line["word"]
        if there(rollout["phase"]):
            return rollout
        time.sleep(LOOK_EVERY_S)
        rollout = server.get(f"/api/v1/rollouts/{rollout['id']}")


def _leave(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(outcome), "exit": exit_code(outcome)})
    for line in report(outcome):
        say(line)
    raise typer.Exit(exit_code(outcome))


def rollout(
    number: Annotated[int, typer.Argument(help="Its number; the newest one, if not given.")] = 0,
    stop: Annotated[bool, typer.Option("--stop", help="Begin no further wave; what was begun goes on.")] = False,
    go_on: Annotated[bool, typer.Option("--go-on", help="Begin the next waves after all.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it until it is over.")] = False,
    json: JsonFlag = False,
) -> None:
    """How far `butai env update --all` is, begun here or anywhere else."""
    if stop and go_on:
        raise WrongUseError("Stop, or go on?", where="--stop")
    server = connect(Settings())
    known = server.get("/api/v1/rollouts") if not number else []
    if not number and not known:
        raise NotFoundError("There is no rollout.", next="`butai env update --all --to REF` makes one.")
    path = f"/api/v1/rollouts/{number or known[0]['id']}"
    verb = "stop" if stop else "go-on" if go_on else ""
    found = server.post(f"{path}/{verb}") if verb else server.get(path)
    if wait:
        follow(found, as_json=json)
    elif json:
        print_json(found)
    else:
        for line in _lines(found):
            say(line)


def _lines(found: dict[str, Any]) -> list[str]:
    by = f", stopped by {found['stopped_by']}" if found["phase"] == "held" else ""
    head = f"rollout {found['id']}: {found['blueprint'] or 'all'} to {found['ref']}, {found['phase']}{by}"
    lines = (f"{each['name']}  {each['word'].lower()}  {each['reason'] or each['does']}" for each in found["lines"])
    return [head, *(line.rstrip() for line in lines)]


def _goes_on(number: int) -> str:
    return f"Rollout {number} goes on by itself. `butai env rollout {number} --wait` follows it, `--stop` stops it."


def check_update(name: str, *, all_: bool, to: str, others: bool) -> None:
    """Refuse flags that do not go together."""
    if not all_ and (not name or to):
        raise WrongUseError("Which environment?", next="Give its name, or `--all --to REF`.", where="NAME")
    if all_ and (name or others):
        raise WrongUseError("`--all` goes with --to, --wave, --blueprint, --no-wait and --yes alone.", where="--all")
    if all_ and not to:
        raise WrongUseError("Where to?", next="Name a branch: `--all --to main`.", where="--to")


def _confirmed(count: int) -> bool:
    if not talk.is_terminal:
        raise WrongUseError(
            "Nobody can be asked here whether to go on.", next="Say `--yes` when these plans are right.", where="--yes"
        )
    return typer.confirm(f"Update {count} environment{'s' if count > 1 else ''}?", err=True)


def exit_code(outcome: Outcome) -> Exit:
    """The exit code: what failed goes before what was left because something went on there."""
    if outcome.exit is Exit.DONE and outcome.left:
        return Exit.STILL_RUNNING
    return outcome.exit


def summary(outcome: Outcome) -> list[str]:
    """All plans as one."""
    lines = []
    for plan in outcome.plans:
        before, after, found = plan["before"], plan["after"], plan["differences"]
        moves = f"{before[:7]} -> {after[:7]}" if before != after else after[:7]
        lines.append(f"{plan['name']}  {moves}  {summed(found)}")
        lines += [f"    destroys or makes anew: {address}" for address in dangerous(found)]
        lines += [f"    {line}" for each in found for line in _attributes(each)]
    lines += [f"{name}  is there already" for name in outcome.already]
    return [*lines, *_left_and_failed(outcome)]


def _attributes(difference: dict[str, Any]) -> Sequence[str]:
    return (difference["address"], *attribute_lines(difference)) if difference["attributes"] else ()


def report(outcome: Outcome) -> list[str]:
    """What came of it; nothing where nothing was to be done."""
    if not outcome.plans:
        return []
    lines = [f"{len(outcome.done)} of {len(outcome.plans)} updated to {outcome.to}."]
    lines += [f"{name}: goes on by itself; `butai env logs {name} -f` shows it" for name in outcome.going_on]
    return [*lines, *_left_and_failed(outcome)]


def _left_and_failed(outcome: Outcome) -> list[str]:
    failed = [f"{name}  failed: {why}" for name, why in outcome.failed.items()]
    return [*failed, *(f"{name}  left for later: {why}" for name, why in outcome.left.items())]
