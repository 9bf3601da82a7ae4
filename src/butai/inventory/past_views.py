"""What git tells of a repository, in the shapes that pages, API and commands show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from pydantic import BaseModel, Field

from butai.history.figures import Figure, Figures
from butai.history.knowledge import BusFactor, Knower
from butai.history.model import Week
from butai.inventory.model import FOLDERS, Graph, Kind

MOST_CHANGED, MOST_PAIRS, WEEKS_SHOWN = 15, 15, 104
# A pair that a local value or a variable stands between is joined by it.
_JOINED_WITHIN = 2


class PersonView(BaseModel):
    """One person and one thing. Nobody is ranked: who knows it is one to ask, who is gone cannot be asked."""

    name: str
    changes: int
    last_at: datetime
    first_author: bool
    gone: bool = Field(description="No commit anywhere for half a year.")
    knows: bool = Field(description="One to ask today.")


class ThingPast(BaseModel):
    """How a node or a folder came about. `first_at` is a bound (`at_least`) where the clone or the reading ended before."""

    id: str
    first_at: datetime | None
    last_at: datetime | None
    at_least: bool
    changes: int
    changes_in_30_days: int
    changes_in_365_days: int
    lines_in_365_days: int
    people: list[PersonView]
    bus_factor: int = Field(description="How many may leave until nobody knows half of it.")
    known: float = Field(description="The share of its blocks that somebody knows today.")


class WeekView(BaseModel):
    """Commits in a week that begins on a Monday."""

    start: date
    commits: int
    by_bots: int
    terraform: int = Field(description="Those that changed Terraform files.")


class PairView(BaseModel):
    """Two nodes that keep changing together although no reference joins them."""

    one: str
    other: str
    commits: int
    if_one: float = Field(description="The share of the first one's commits that changed the other too.")
    if_other: float


class RepositoryPast(BaseModel):
    """What git tells of a repository. `reading`: not read yet, ask again in a moment; the rest is empty then."""

    repository: str
    commit: str
    reading: bool = False
    shallow: bool = Field(default=False, description="The clone holds the newest commits alone.")
    cut_short: bool = Field(default=False, description="Reading took too long; the oldest commits are not in it.")
    whole: ThingPast | None = None
    weeks: list[WeekView] = []
    folders: list[ThingPast] = []
    most_changed: list[ThingPast] = []
    pairs: list[PairView] = []


def repository_past(name: str, commit: str, graph: Graph, figures: Figures) -> RepositoryPast:
    """All of it."""
    history = figures.history
    return RepositoryPast(
        repository=name,
        commit=commit,
        shallow=history.shallow,
        cut_short=history.cut_short,
        whole=thing_past(name, figures.repository()),
        weeks=[_week(each) for each in figures.activity()[-WEEKS_SHOWN:]],
        folders=_folders(graph, figures),
        most_changed=most_changed(graph, figures),
        pairs=_pairs(graph, figures),
    )


def thing_past(id_: str, figure: Figure) -> ThingPast:
    """One node or folder."""
    age, churn, bus = figure.age, figure.churn, figure.bus
    return ThingPast(
        id=id_,
        first_at=_moment(age.first) if age else None,
        last_at=_moment(age.last) if age else None,
        at_least=bool(age and age.at_least),
        changes=churn.ever.changes,
        changes_in_30_days=churn.within[30].changes,
        changes_in_365_days=churn.within[365].changes,
        lines_in_365_days=churn.within[365].lines,
        people=_people(figure.knowers),
        bus_factor=bus.factor,
        known=_share(bus),
    )


def _folders(graph: Graph, figures: Figures) -> list[ThingPast]:
    known = set(figures.history.folders())
    paths = {each.id: "" if each.id == "." else each.id for each in graph.nodes.values() if each.kind in FOLDERS}
    found = [thing_past(id_, figures.folder(path)) for id_, path in paths.items() if path in known]
    return sorted(found, key=lambda each: (-each.changes_in_365_days, each.id))


def most_changed(graph: Graph, figures: Figures) -> list[ThingPast]:
    """Resources, data sources and calls with the most changes in a year; those with none left out."""
    kinds = {Kind.RESOURCE, Kind.DATA, Kind.CALL}
    counted = [
        (figures.block(id_).churn.within[365].changes, id_)
        for id_ in figures.history.blocks
        if id_ in graph.nodes and graph.nodes[id_].kind in kinds
    ]
    counted.sort(key=lambda each: (-each[0], each[1]))
    return [thing_past(id_, figures.block(id_)) for changes, id_ in counted[:MOST_CHANGED] if changes]


def _pairs(graph: Graph, figures: Figures) -> list[PairView]:
    near: dict[str, dict[str, int]] = {}

    def joined(one: str, other: str) -> bool:
        if one not in near:
            near[one] = graph.around(one, _JOINED_WITHIN) if one in graph.nodes else {}
        return other in near[one]

    found = figures.pairs(joined)[:MOST_PAIRS]
    return [PairView(**vars(each)) for each in found]


def _people(knowers: Sequence[Knower]) -> list[PersonView]:
    return [
        PersonView(
            name=each.person.name,
            changes=each.changes,
            last_at=_moment(each.last),
            first_author=each.first_author,
            gone=each.gone,
            knows=each.knows,
        )
        for each in knowers
    ]


def _week(week: Week) -> WeekView:
    start = _moment(week.start).date()
    return WeekView(start=start, commits=week.commits, by_bots=week.by_bots, terraform=week.terraform)


def _share(bus: BusFactor) -> float:
    return round(bus.known, 3)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
