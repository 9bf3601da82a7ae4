"""The portal on a real port with a team behind it, and runs whose log a test writes line by line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page

from butai.assembly import assemble
from butai.loopback import listen
from butai.rooms import ROOMS
from butai.runs.model import RunEnd, RunStatus, Step
from butai.runs.store import Run, RunEvent, next_seq
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.sign_in import SignIn
from support.rows import NOW, add_environment, add_run
from support.tiny_team import TinyTeam

START_S = 20.0


class Portal:
    """A server that can be stopped and started again on the same port, as after a crash or an upgrade."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.team = TinyTeam(folder / "team")
        self.butai = assemble(Settings(data=folder / "data", database=database))
        self.butai.blueprints.add(str(self.team.infra.path), root="staging")
        self.sign_in = SignIn(self.butai.data)
        self.port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The portal's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port of the time before if there was one."""
        listening = listen(self.port)
        self.port = listening.getsockname()[1]
        app = create_app(self.butai, ROOMS, self.sign_in, self.port)
        config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started:
            assert time.monotonic() < deadline, "the portal did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop listening; open streams are cut."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(START_S)
            assert not self._thread.is_alive(), "the portal did not stop"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens while the block runs."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def signed_in(self, browser: Browser, **look: Any) -> BrowserContext:
        """A browser of somebody who is signed in: English and wide, where nothing else is asked for.

        What turns stands still: drawn without a graphics card it takes a fifth of a core.
        """
        given = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        context = browser.new_context(**{**given, **look})
        assert context.request.get(self.sign_in.address(self.url)).ok
        return context

    def add_environment(self, name: str, **more: Any) -> int:
        """An environment of the team's blueprint; its id."""
        web = {"branch": "main", "commit": self.team.main_commit, "image": "web", "default_branch": "main"}
        fields = {"blueprint": "tiny", "services": {"web": web}, "urls": {}, **more}
        return add_environment(self.butai.database, name, **fields)

    def add_run(self, environment_id: int, *, running: bool = True) -> int:
        """A run of it; its id."""
        params = {"ref": "", "commit": "", "services": {}, "variables": {}}
        more: dict[str, Any] = {"status": RunStatus.RUNNING, "started_at": NOW} if running else ENDED
        return add_run(self.butai.database, environment_id, params=params, planned=7, **more)

    def say(self, run_id: int, *messages: str, step: Step = Step.APPLY, kind: str = "log", **detail: Any) -> None:
        """Lines of the run's log."""
        with self.butai.database.session() as session:
            for message in messages:
                seq = next_seq(session, run_id)
                event = RunEvent(run_id=run_id, seq=seq, source=step, line=seq, at=NOW, step=step, kind=kind)
                event.message, event.address, event.action, event.detail = message, "", "", detail
                session.add(event)
                session.flush()

    def count(self, run_id: int, **figures: int) -> None:
        """How far the run is: planned, done, failed."""
        with self.butai.database.session() as session:
            run = session.get_one(Run, run_id)
            for name, figure in figures.items():
                setattr(run, name, figure)

    def end(self, run_id: int, end: RunEnd = RunEnd.SUCCEEDED) -> None:
        """The run ends."""
        with self.butai.database.session() as session:
            run = session.get_one(Run, run_id)
            run.status, run.end, run.ended_at, run.settled_at = RunStatus.ENDED, end, NOW, NOW


ENDED = {
    "status": RunStatus.ENDED,
    "end": RunEnd.SUCCEEDED,
    "started_at": NOW,
    "ended_at": NOW,
    "settled_at": NOW,
}

# Opens a page of a portal in a browser that looks as asked for.
Visit = Callable[..., Page]
