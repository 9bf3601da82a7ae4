"""Where a deploy's time goes, and the setting that costs most of it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from butai.deploys.model import RollOut, Stands
from butai.text import Text, joined, text

# Below that nobody waits for a setting.
WORTH_A_SETTING_S = 15.0
KNOWN_FROM = 3
QUICK_CHECKS = "health_check { interval = 5, timeout = 4, healthy_threshold = 2 }"
QUICK_DRAIN = "deregistration_delay = 5"


class Phase(StrEnum):
    """What a deploy waits for, in this order."""

    IMAGE = "image"
    LOOK = "look"
    START = "start"
    HEALTH = "health"
    DRAIN = "drain"


_WORDS: dict[Phase, Callable[[int], Text]] = {
    Phase.IMAGE: lambda seconds: text("image {seconds} s", seconds=seconds),
    Phase.LOOK: lambda seconds: text("looking at everything before {seconds} s", seconds=seconds),
    Phase.START: lambda seconds: text("new tasks' start {seconds} s", seconds=seconds),
    Phase.HEALTH: lambda seconds: text("health checks {seconds} s", seconds=seconds),
    Phase.DRAIN: lambda seconds: text("old tasks' end {seconds} s", seconds=seconds),
}


@dataclass
class Course:
    """One service's way: when (seconds of one clock) what was over. `old`: tasks from before when it was set."""

    began: float
    imaged: float
    set: float
    old: int = -1
    over: dict[Phase, float] = field(default_factory=dict)

    def saw(self, now: RollOut, at: float) -> None:
        """Take in a look. A phase that was not seen to end ended with the next one."""
        self.old = now.old if self.old < 0 else self.old
        started = now.desired > 0 and now.running >= now.desired
        if started or now.stands is Stands.COMPLETED:
            self.over.setdefault(Phase.START, at)
        if now.stands is Stands.COMPLETED or (started and now.old < self.old):
            self.over.setdefault(Phase.HEALTH, at)
        if now.stands is Stands.COMPLETED:
            self.over.setdefault(Phase.DRAIN, at)

    def split(self) -> dict[Phase, float]:
        """Seconds of each phase that is over; they add up to the whole."""
        ends = {Phase.IMAGE: self.imaged, Phase.LOOK: self.set, **self.over}
        found, before = {}, self.began
        for phase in Phase:
            if phase in ends:
                found[phase], before = ends[phase] - before, ends[phase]
        return found


def told(split: Mapping[Phase, float]) -> Text:
    """The split in words; what took no second is left out."""
    parts = [_WORDS[phase](round(took)) for phase, took in split.items() if took >= 1]
    whole = text("{seconds} s in all", seconds=round(sum(split.values())))
    return joined(", ", [whole, *parts])


def dearest(split: Mapping[Phase, float]) -> Phase | None:
    """The phase that takes most, where it is worth a setting."""
    phase = max(split, key=lambda each: split[each], default=None)
    return phase if phase and split[phase] >= WORTH_A_SETTING_S else None


def usual(seconds: Sequence[float]) -> int | None:
    """How long a deploy usually takes: the median of those that went well; not known before the third."""
    return round(statistics.median(seconds)) if len(seconds) >= KNOWN_FROM else None


def advice(phase: Phase, group: Mapping[str, Any], stop_timeout_s: int) -> Text:
    """The setting that the time of a phase comes from, with what to put there on a staging environment.

    `group`: the target group as ELB describes it, with its attributes; empty where the service has none.
    """
    if phase is Phase.HEALTH and group:
        return text(
            "Most of it is health checks: {count} good ones, one every {every} s. On staging, in `aws_lb_target_group`: "
            "`{setting}`",
            count=group.get("HealthyThresholdCount", "?"),
            every=group.get("HealthCheckIntervalSeconds", "?"),
            setting=QUICK_CHECKS,
        )
    delay = float(group.get("deregistration_delay.timeout_seconds") or 0)
    if phase is Phase.DRAIN and delay > stop_timeout_s:
        return text(
            "Most of it is the wait for old connections: `deregistration_delay` is {delay} s. On staging, in "
            "`aws_lb_target_group`: `{setting}`",
            delay=round(delay),
            setting=QUICK_DRAIN,
        )
    return _OF_THE_PROGRAM[phase]


_OF_THE_PROGRAM = {
    Phase.IMAGE: text("Most of it is the wait for the build."),
    Phase.LOOK: text("Most of it is AWS's own answers."),
    Phase.START: text(
        "Most of it is the tasks' start: pulling the image, then the program's own start. A smaller image and fewer things "
        "done at the start are what helps."
    ),
    Phase.HEALTH: text("Most of it is the wait until the containers' own health checks are good."),
    Phase.DRAIN: text(
        "Most of it is the old tasks' end: a program that ends on SIGTERM ends at once, another one after `stopTimeout`."
    ),
}
