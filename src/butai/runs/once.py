"""A command that runs once in a task of ECS, followed to its end by a program that a run's supervisor started."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from butai.aws import once
from butai.aws.awslogs import log_stream
from butai.runs.saying import say
from butai.runs.service import RunView
from butai.text import Text, text

# Looks come closer together at first: many tasks are over soon.
FIRST_LOOK_S, LOOK_EVERY_S = 0.25, 1.0
LOG_LOOKS = 3
SHOWN = 60


@dataclass
class Once:
    """One command. `service`: its service as ECS describes it; `token`: the same one is the same task, also after a death.

    `clients` gives AWS's clients by name; `stopped`: whether somebody wants it to stop; `wait` waits so many seconds.
    """

    name: str
    cluster: str
    service: Mapping[str, Any]
    revision: str
    definition: Mapping[str, Any]
    container: str
    command: list[str]
    token: str
    timeout_s: int
    clients: Callable[[str], Any]
    stopped: Callable[[], bool]
    wait: Callable[[float], None] = time.sleep
    _from: str = ""
    _last: str = ""
    _asked: str = field(default="")

    def run(self) -> Text | None:
        """Run it to its end. Why it did not do its work; nothing where it did."""
        words = text("{service}: {command} runs once", service=self.name, command=self._short())
        say(words)
        arn, failure = once.start(
            self.clients("ecs"), self.cluster, self.service, self.revision, self.container, self.command, self.token
        )
        if not arn:
            return text("{service}: ECS starts no task for {command}: {reason}", service=self.name,
                        command=self._short(), reason=failure)  # fmt: skip
        ran = self._followed(arn)
        if ran.code == 0 and not self._asked:
            say(text("{service}: {command} has ended well", service=self.name, command=self._short()))
            return None
        return self._why(ran)

    def _followed(self, arn: str) -> once.Ran:
        ecs, deadline, pause = self.clients("ecs"), time.monotonic() + self.timeout_s, FIRST_LOOK_S
        while not (ran := once.look(ecs, self.cluster, arn, self.container)).is_over:
            self._tell_lines(arn)
            late = time.monotonic() > deadline
            if (self.stopped() or late) and not self._asked:
                self._asked = (
                    text("it took longer than {seconds} s", seconds=self.timeout_s) if late else text("stopped")
                )
                once.stop(ecs, self.cluster, arn, "Butai was asked to stop" if not late else "It takes too long")
            self.wait(pause)
            pause = min(pause * 1.5, LOOK_EVERY_S)
        for _ in range(LOG_LOOKS):
            if not self._tell_lines(arn) and self._last:
                break
            self.wait(FIRST_LOOK_S if self._last else LOOK_EVERY_S)
        return ran

    def _tell_lines(self, arn: str) -> int:
        """What it has printed since the last look. Where its lines may not be read, they are left out."""
        place = log_stream(self.definition, self.container, arn)
        if place is None:
            return 0
        try:
            lines, self._from = once.lines_after(self.clients("logs"), *place, self._from)
        except Exception as error:
            self._last = self._last or f"({type(error).__name__})"
            return 0
        for line in lines:
            say(text("{service} | {line}", service=self.name, line=line))
            self._last = line or self._last
        return len(lines)

    def _why(self, ran: once.Ran) -> Text:
        if self._asked:
            why = self._asked
        elif ran.code is not None:
            why = text("exit code {code}", code=ran.code)
        else:
            why = text("it never ran: {reason}", reason=ran.reason or "?")
        words = text("{service}: {command} has failed ({why}).", service=self.name, command=self._short(), why=why)
        return text("{one} Its last line: {line}", one=words, line=self._last) if self._last else words

    def _short(self) -> str:
        whole = " ".join(self.command)
        return whole if len(whole) <= SHOWN else f"{whole[:SHOWN]}..."


def token_of(run: RunView, which: str) -> str:
    """By which ECS knows a task again: doing the same run's work again after a death starts no second one."""
    return f"butai-{run.id}-{int(run.requested_at.timestamp())}-{which}"[:64]
