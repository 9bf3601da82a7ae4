"""The `butai` command. Rooms bring their own commands; here is what starts and what helps."""

from __future__ import annotations

import json as json_module
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from butai import __version__
from butai.blueprints.commands import app as blueprint_commands
from butai.board import commands as board_commands
from butai.deploys import commands as deploy_commands
from butai.deploys import see_commands
from butai.environments import adopt_commands, hold_commands
from butai.environments.commands import app as environment_commands
from butai.environments.engine_commands import app as engine_commands
from butai.environments.mend_commands import app as mend_commands
from butai.errors import ButaiError, Exit, WrongUseError
from butai.inventory import commands as inventory_commands
from butai.inventory import coverage_commands, look_commands, prices_commands, told_commands
from butai.logs import configure
from butai.settings import Settings
from butai.terminal import JsonFlag, data_out, pairs, print_error, print_json, table

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Real, separate staging environments from the Terraform your team already has.",
)
# They are commands of `butai env` too.
environment_commands.registered_commands += mend_commands.registered_commands
environment_commands.command()(see_commands.report)
environment_commands.command()(see_commands.compare)
app.add_typer(environment_commands, name="env")
app.add_typer(blueprint_commands, name="blueprint")
app.add_typer(engine_commands, name="engine")
app.add_typer(board_commands.workers_app, name="workers")
inventory_commands.app.command()(look_commands.past)
inventory_commands.app.command()(look_commands.environments)
inventory_commands.app.command()(coverage_commands.coverage)
inventory_commands.app.command("import")(coverage_commands.import_)
inventory_commands.app.command()(told_commands.states)
inventory_commands.app.command()(told_commands.drift)
inventory_commands.app.command()(coverage_commands.mend)
inventory_commands.app.command()(prices_commands.prices)
inventory_commands.app.command()(prices_commands.costs)
app.add_typer(inventory_commands.app, name="inventory")
app.command(name="queue")(board_commands.queue)
app.command("map")(inventory_commands.show_map)
app.command()(deploy_commands.deploy)
app.command()(deploy_commands.rollback)
app.command()(deploy_commands.deploys)
app.command()(see_commands.logs)
app.command("exec")(see_commands.execute)
app.command()(hold_commands.hold)
app.command()(hold_commands.release)
app.command()(adopt_commands.adopt)
app.command()(adopt_commands.look)
app.command("take-over")(adopt_commands.take_over)
app.command()(adopt_commands.forget)

DataOption = Annotated[Path | None, typer.Option("--data", help="Folder for everything that Butai keeps.")]

EXIT_MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "failed",
    Exit.WRONG_USE: "wrong use: a bad name, an unknown thing, a missing flag",
    Exit.REFUSED: "refused: taken, locked, in use, exhausted",
    Exit.NOT_LOGGED_IN: "not logged in: no key, or a wrong one",
    Exit.HALF_DONE: "half done, look: partly applied, state not saved, not answering, lost",
    Exit.STILL_RUNNING: "still running",
    Exit.INTERRUPTED: "Ctrl-C",
}


def _print_version(wanted: bool) -> None:
    if wanted:
        data_out.print(__version__)
        raise typer.Exit


@app.callback()
def options(
    data: DataOption = None,
    url: Annotated[str, typer.Option(help="Address of the server (BUTAI_URL).")] = "",
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Flags go before settings: they are handed on as environment variables, so that children see them too."""
    if data is not None:
        os.environ["BUTAI_DATA"] = str(data)
    if url:
        os.environ["BUTAI_URL"] = url


@app.command()
def serve(
    data: DataOption = None,
    port: Annotated[int | None, typer.Option(help="Port on loopback; 0 takes a free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Loopback address to listen on.")] = None,
    database: Annotated[str, typer.Option(help="SQLAlchemy URL of the database.")] = "",
) -> None:
    """Start the server: portal and API."""
    from butai.serve import run

    configure()
    run(_settings(data=data, port=port, host=host, database=database or None))


@app.command()
def worker(
    data: DataOption = None,
    database: Annotated[str, typer.Option(help="SQLAlchemy URL of the database.")] = "",
    slots: Annotated[
        int | None, typer.Option("--slots", "--concurrency", min=0, help="Runs at once on this worker; 0: as measured.")
    ] = None,
    label: Annotated[
        list[str], typer.Option("--label", metavar="NAME=VALUE", help="A label that blueprints can ask for.")
    ] = [],  # noqa: B006 - Typer reads it, nobody changes it
) -> None:
    """Start a worker, which carries runs out."""
    from butai.worker import run

    configure()
    labels = json_module.dumps(pairs(label, "--label")) if label else None
    run(_settings(data=data, database=database or None, concurrency=slots, labels=labels))


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option("--data", help="Folder for the demo's data.")] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the portal in a browser.")] = True,
) -> None:
    """Show everything on this machine: a local cloud, an example team, two environments."""
    from butai.demo.play import play

    play(data, open_browser=open_browser)


@app.command()
def doctor(data: DataOption = None, json: JsonFlag = False) -> None:
    """Check everything that a first start needs; says what to do about what is missing."""
    from butai.doctor import examine, lines

    checks = examine(_settings(data=data), dict(os.environ))
    if json:
        print_json([check.as_json() for check in checks])
    else:
        for line in lines(checks):
            data_out.print(line)
    if any(check.failed for check in checks):
        raise typer.Exit(Exit.FAILED)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A Terraform root module.")] = Path(),
    force: Annotated[bool, typer.Option(help="Write over a butai.yaml that is there.")] = False,
    json: JsonFlag = False,
) -> None:
    """Look at a root module and write a first butai.yaml."""
    from butai.init import run

    run(folder, force=force, as_json=json)


@app.command(name="open")
def open_() -> None:
    """Print an address that signs a browser in, once."""
    from butai.client import connect

    server = connect(_settings())
    data_out.print(server.post("/api/sign-in-keys")["url"])


help_app = typer.Typer(no_args_is_help=True, help="Reference: settings, exit codes.")
app.add_typer(help_app, name="help")


@help_app.command(name="exit-codes")
def exit_codes(json: JsonFlag = False) -> None:
    """What the exit codes of every command mean."""
    if json:
        print_json({str(int(code)): meaning for code, meaning in EXIT_MEANINGS.items()})
        return
    table(["CODE", "MEANING"], [[str(int(code)), meaning] for code, meaning in EXIT_MEANINGS.items()])


@help_app.command()
def config(json: JsonFlag = False) -> None:
    """Every setting: its variable, its value now, and what it means."""
    settings = Settings()
    rows = [
        [f"BUTAI_{name.upper()}", str(getattr(settings, name) or ""), field.description or ""]
        for name, field in Settings.model_fields.items()
    ]
    if json:
        print_json([{"variable": row[0], "value": row[1], "meaning": row[2]} for row in rows])
        return
    table(["VARIABLE", "VALUE", "MEANING"], rows)


def _settings(**given: object) -> Settings:
    """Settings with a command's flags before them; children of this process see them too."""
    for name, value in given.items():
        if value is not None:
            os.environ[f"BUTAI_{name.upper()}"] = str(value)
    try:
        return Settings()
    except ValueError as error:
        raise WrongUseError(
            "A setting has a wrong value.", why=str(error), next="`butai help config` lists them."
        ) from error


def main() -> None:
    """Run a command; every expected failure leaves with its exit code and without a traceback."""
    try:
        app()
    except ButaiError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit)


if __name__ == "__main__":
    main()
