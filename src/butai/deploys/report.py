"""What ran on an environment at a time, as text for a ticket. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from butai.environments.service import EnvironmentView
from butai.errors import WrongUseError
from butai.interval import clock, date_and_time
from butai.runs.model import MAIN, RunEnd, RunKind
from butai.runs.service import RunView
from butai.text import Text, joined, text

NOTHING_DONE = (RunEnd.SUPERSEDED, RunEnd.CANCELLED_BEFORE_CHANGE, RunEnd.FAILED_BEFORE_CHANGE)
_CHANGES = MAIN | {RunKind.DEPLOY}


class RanShape(BaseModel):
    """What of a service ran."""

    name: str
    branch: str
    commit: str
    image: str
    migrations: list[str] = Field(default=[], description="What its database has had, where nothing has changed since.")
    ahead: list[str] = Field(default=[], description="What of it this version does not know.")


class ReportShape(BaseModel):
    """What ran at `at`. `sure`: the run that put it there ended well and none was changing it; else look at `log`."""

    environment: str
    blueprint: str
    at: datetime
    urls: dict[str, str]
    services: list[RanShape] = Field(description="Nothing where the environment was not there.")
    ref: str
    commit: str
    run: int | None = Field(description="The newest run that had changed it by then.")
    end: RunEnd | None
    going_on: int | None = Field(description="A run that was changing it at that moment.")
    sure: bool
    log: str = Field(description="Where the portal shows the run's log.")
    markdown: str = ""


class Stood(NamedTuple):
    """How it stood: the newest change that was over, the one whose versions stood, and one that was under way.

    The first two differ after a deploy that was not rolled out: what served before still did.
    """

    last: RunView | None
    stands: RunView | None
    going_on: RunView | None


def moment_of(words: str, now: datetime, zone: tzinfo) -> datetime:
    """A time that is over: `14:05` in the team's zone, the newest one; `2026-11-26 14:05`; nothing is now."""
    try:
        at = _moment(words.strip(), now, zone)
    except ValueError:
        at = None
    if at is None or at > now:
        raise WrongUseError(
            text("`{words}` is no time that is over.", words=words),
            next=text("Say when: `14:05`, or `2026-11-26 14:05`."),
            where="at",
            code="bad-time",
        )
    return at


def _moment(words: str, now: datetime, zone: tzinfo) -> datetime:
    if not words:
        return now
    if here := clock(words, now, zone):
        return (here if here <= now else here - timedelta(days=1)).astimezone(UTC)
    return date_and_time(words, zone)


def stood_at(runs: Sequence[RunView], at: datetime) -> Stood:
    """Out of an environment's runs, newest first."""
    last = going_on = None
    for run in runs:
        if run.kind not in _CHANGES or run.started_at is None or run.started_at > at:
            continue
        if run.ended_at is None or run.ended_at > at:
            going_on = run
        elif run.end not in NOTHING_DONE:
            last = last or run
            if run.end is not RunEnd.NOT_ROLLED_OUT:
                return Stood(last, run, going_on)
    return Stood(last, None, going_on)


def report(shown: EnvironmentView, runs: Sequence[RunView], at: datetime, now: datetime, page: str) -> ReportShape:
    """`page`: the environment's address in the portal."""
    stood = stood_at(runs, at)
    last, stands = stood.last, stood.stands
    gone = stands is not None and stands.kind is RunKind.DESTROY and stands.end is RunEnd.SUCCEEDED
    given = stands.params if stands and not gone else {}
    newest = stood.going_on or last
    same = stood == stood_at(runs, now)
    databases = {each.name: each.database for each in shown.services if each.database} if same else {}
    return ReportShape(
        environment=shown.name,
        blueprint=shown.blueprint,
        at=at,
        urls=shown.urls,
        services=[_ran(name, each, databases) for name, each in given.get("services", {}).items()],
        ref=given.get("ref", ""),
        commit=given.get("commit", ""),
        run=last.id if last else None,
        end=last.end if last else None,
        going_on=stood.going_on.id if stood.going_on else None,
        sure=last is not None and last.end is RunEnd.SUCCEEDED and stood.going_on is None,
        log=f"{page}?run={newest.id}" if newest else page,
    )


def _ran(name: str, each: dict[str, str], databases: Mapping[str, Any]) -> RanShape:
    found, told = databases.get(name), {key: each[key] for key in ("branch", "commit", "image")}
    had, ahead = (found.had, found.ahead) if found else ([], [])
    return RanShape(name=name, migrations=had, ahead=ahead, **told)


def _database(each: RanShape) -> Text:
    newest = each.migrations[-1]
    if each.ahead:
        return text("- Database of `{service}`: up to {newest}, ahead of this version by {ahead}",
                    service=each.name, newest=newest, ahead=", ".join(each.ahead))  # fmt: skip
    return text("- Database of `{service}`: up to {newest}",
                service=each.name, newest=newest)  # fmt: skip


def markdown(found: ReportShape, when: str) -> Text:
    """The report for a ticket. `when`: its time in words."""
    told: list[Text | str] = [f"**{found.environment}** ({found.blueprint}), {when}", ""]
    told += [f"- {label}: <{url}>" for label, url in found.urls.items()]
    told += [f"- `{each.name}`: {each.branch} `{each.commit}`" for each in found.services]
    told += [_database(each) for each in found.services if each.migrations]
    if found.commit:
        told.append(text("- Terraform: {ref} `{commit}`", ref=found.ref, commit=found.commit))
    else:
        told.append(text("- Nothing ran here at that time."))
    if found.going_on:
        told.append(text("- Run {run} was changing it at that moment.", run=found.going_on))
    if found.end is not None and found.end is not RunEnd.SUCCEEDED:
        how = text(
            "- Run {run} ended as {end}: what it had put there by then is in its log.", run=found.run, end=found.end
        )
        told.append(how)
    return joined("\n", [*told, text("- Log: <{address}>", address=found.log)])
