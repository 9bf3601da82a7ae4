"""A stage for faults: real workers, server, database, engine and cloud, and the gates at which an engine is held."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from butai.assembly import Butai, assemble
from butai.runs.folder import RunFolder
from butai.runs.store import RunClaim
from butai.settings import Settings
from kill.matrix.cells import Store
from kill.matrix.gates import Gates
from kill.matrix.parts import Base, Hand, Portal, copy_state_key
from kill.matrix.relay import Relay
from support.carrying import engine, wait_for
from support.cloud import REGION, Cloud
from support.postgres import PostgresServer
from support.processes import is_supervisor
from support.repository import WorkingTree

WORKERS = {Store.SQLITE: 1, Store.POSTGRESQL: 3}

YAML = """\
version: 1
name: {name}
region: {region}
environment_variable: environment
urls: {{main: url}}
defaults: {{gates: "{gates}", main: "{main}", turn: "0"}}
ready: {{timeout_s: 60}}
"""

ROOT = """\
variable "environment" { type = string }
variable "gates" { type = string }
variable "main" { type = string }
variable "turn" { type = string }

locals { held_in_the_plan = file("${var.gates}/plan") }

resource "terraform_data" "one" {
  input = "${var.environment}${local.held_in_the_plan}"
}
resource "terraform_data" "slow" {
  depends_on       = [terraform_data.one]
  triggers_replace = [var.turn]
  provisioner "local-exec" {
    command = "exec cat '${var.gates}/apply'"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "exec cat 'GATES/destroy'"
  }
}
resource "terraform_data" "last" {
  depends_on = [terraform_data.slow]
  input      = var.turn
}
output "url" { value = var.main }
"""

CLOUD_ROOT = """\
variable "environment" { type = string }
variable "gates" { type = string }
variable "main" { type = string }
variable "turn" { type = string }

locals { held_in_the_plan = file("${var.gates}/plan") }

resource "aws_cloudwatch_log_group" "logs" {
  name = "/butai/${var.environment}${local.held_in_the_plan}"
}
resource "aws_ssm_parameter" "one" {
  depends_on = [aws_cloudwatch_log_group.logs]
  name       = "/butai/${var.environment}/one"
  type       = "String"
  value      = "turn ${var.turn}"
}
output "url" { value = var.main }
"""


class Stage:
    """Everything that one cell after the other is played on."""

    def __init__(self, folder: Path, store: Store, postgres: PostgresServer | None) -> None:
        self.folder, self.store = folder, store
        self.gates = Gates(folder / "gates", engine().path)
        self.page = Page()
        self.base = Base(folder, postgres)
        self.settings = Settings(
            data=folder / "data-0", database=self.base.url, cache=folder / "cache", acceleration=False
        )
        self.butai: Butai = assemble(self.settings)
        self.cloud: Cloud | None = None
        self.cloud_way: Relay | None = None
        self.portal: Portal | None = None
        self._add("tiny", ROOT)
        self.hands = [self._hand(number) for number in range(WORKERS[store])]

    def begin(self) -> None:
        """Every worker is up."""
        for hand in self.hands:
            hand.start()
        for hand in self.hands:
            wait_for(lambda hand=hand: "worker ready" in hand.log.read_text(), why=hand.log.read_text())  # type: ignore[misc]

    def with_server(self) -> Portal:
        """The server, started at its first use."""
        if self.portal is None:
            url, relay = self.base.way()
            settings = Settings(data=self.settings.data, database=url)
            self.portal = Portal(settings, self.folder / "server.log", relay)
        if self.portal.living() is None:
            self.portal.start()
        return self.portal

    def with_cloud(self) -> Cloud:
        """The local cloud behind its relay, started at its first use; the workers then know its address."""
        if self.cloud is None:
            self.cloud = Cloud(self.folder)
            self.cloud.start()
            self.cloud_way = Relay(int(self.cloud.endpoint.rpartition(":")[2]))
            self._add("cloud", CLOUD_ROOT)
            for hand in self.hands:
                hand.leave()
                hand.use({**self.cloud.env, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.cloud_way.port}"})
            self.begin()
        return self.cloud

    def run_folder(self, run_id: int) -> RunFolder | None:
        """The files of a run, wherever its worker keeps them."""
        recorded = self.butai.runs.get(run_id).folder
        return RunFolder(Path(recorded)) if recorded else None

    def holder(self, run_id: int) -> Hand | None:
        """The worker that has this run now."""
        with self.butai.database.reading() as session:
            rows = session.query(RunClaim).where(RunClaim.run_id == run_id).all()
        return next((hand for hand in self.hands for row in rows if row.worker_id == hand.id), None)

    def close(self) -> None:
        """Leave no process behind."""
        self.gates.open_all()
        self.page.answer()
        for hand in self.hands:
            hand.leave()
        _end_leftovers(self.folder)
        if self.portal and self.portal.living():
            self.portal.end()
        if self.cloud_way:
            self.cloud_way.close()
        if self.cloud:
            self.cloud.close()
        self.butai.database.close()
        self.base.close()
        self.page.close()

    def _add(self, name: str, root: str) -> None:
        repository = WorkingTree(self.folder / name)
        yaml = YAML.format(name=name, region=REGION, gates=self.gates.folder, main=self.page.url)
        root = root.replace("GATES", str(self.gates.folder))
        repository.commit({"staging/butai.yaml": yaml, "staging/main.tf": root}, "The root")
        self.butai.blueprints.add(str(repository.path))

    def _hand(self, number: int) -> Hand:
        data = self.folder / f"data-{number}"
        if number:
            copy_state_key(self.settings.data, data)
        url, relay = self.base.way()
        settings = Settings(data=data, database=url, concurrency=2)
        env = {"PATH": f"{self.gates.bin}:{os.environ['PATH']}", "BUTAI_CACHE": str(self.folder / "cache")}
        return Hand(settings, self.folder / f"worker-{number}.log", env, relay)


class Page:
    """What an environment answers at its address: not yet, until it may."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.ready.set()
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if page.ready.is_set() else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: Any) -> None:
                """Keep silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def hold(self) -> None:
        """Not ready from now on."""
        self.ready.clear()

    def answer(self) -> None:
        """Ready."""
        self.ready.set()

    def close(self) -> None:
        """No more."""
        self._server.shutdown()
        self._server.server_close()


def _end_leftovers(folder: Path) -> None:
    """Supervisors of a cell that broke: they would wait for their database for ever. Their engines end with their backend."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        if is_supervisor(process, folder):
            process.kill()


@contextmanager
def stage_on(folder: Path, store: Store, postgres: PostgresServer | None) -> Iterator[Stage]:
    """A stage with its workers up, gone at the end."""
    stage = Stage(folder, store, postgres)
    try:
        stage.begin()
        yield stage
    finally:
        stage.close()
