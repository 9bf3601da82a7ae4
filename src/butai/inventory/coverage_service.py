"""What exists in a repository's accounts against all known states: looked at beside what somebody waits for, and kept."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from butai.aws.existing import Survey, survey
from butai.aws.session import Access, session_for
from butai.db import Database
from butai.errors import ButaiError, NotFoundError, WrongUseError
from butai.inventory import coverage_store as store
from butai.inventory.backends import root_of
from butai.inventory.cost_views import total_view
from butai.inventory.costs import Cost, cost, total
from butai.inventory.coverage import coverage
from butai.inventory.coverage_model import by_account, checked_regions, looks, paths
from butai.inventory.coverage_views import (
    CoverageView,
    GapView,
    ImportBlock,
    ImportsView,
    ItemView,
    Result,
    packed,
    result,
    unpacked,
    with_cost,
)
from butai.inventory.imports import imports
from butai.inventory.known_states import KnownState, KnownStates
from butai.inventory.model import Kind
from butai.inventory.prices_service import Prices
from butai.inventory.service import Inventory, RepositoryView
from butai.inventory.told import Told
from butai.inventory.words import FailureView
from butai.terraform.text import plain
from butai.text import restored, text

# An account has room for so many calls; a look makes eight at a time.
AT_ONCE = 2
_PROVIDER = re.compile(r"[a-z][a-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)?")

log = structlog.get_logger()

Looks = Sequence[tuple[Access, tuple[str, ...]]]


class Coverages:
    """Looks at accounts, one at a time for each repository, of which the last result is kept."""

    def __init__(
        self,
        database: Database,
        inventory: Inventory,
        known: KnownStates,
        told: Told,
        prices: Prices,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._inventory = database, inventory
        self._known, self._told, self._prices, self._now = known, told, prices, now
        self._lock = threading.Lock()
        self._looking: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="coverage")

    # --- looks ------------------------------------------------------------------------------------------------------

    def look(self, name: str, regions: Sequence[str] = ()) -> CoverageView:
        """Begin a look, unless one is under way; the last result until it is over. `regions`: else those of the blueprints."""
        repository = self._inventory.get(name)
        asked = self._looks(repository, regions)
        with self._lock:
            if not self._is_looking(name):
                self._looking[name] = self._pool.submit(self._look, repository, asked)
        return self.get(name)

    def get(self, name: str) -> CoverageView:
        """The last result; empty before the first. Raises NotFoundError."""
        self._inventory.mirror(name)
        # Asked first: the result of a look that ends between the two is there.
        with self._lock:
            looking = self._is_looking(name)
        with self._database.reading() as session:
            row = store.survey_of(session, name)
        found = unpacked(row.result) if row else None
        unmanaged = found.unmanaged if found else []
        costs = self._costs(unmanaged)
        return CoverageView(
            repository=name,
            looking=looking,
            at=row.at if row and found else None,
            failure=_failure(row) if row else None,
            cost=total_view(total(costs.values())),
            **{
                **dict(found or Result()),
                "unmanaged": [with_cost(each, costs[each.arn]) for each in unmanaged],
            },
        )

    def imports(self, name: str, arns: Sequence[str], providers: Mapping[str, str] | None = None) -> ImportsView:
        """Blocks for things of the last result that no state holds. No address is one that the repository's code has."""
        for each in (providers or {}).values():
            if not _PROVIDER.fullmatch(each):
                raise WrongUseError(
                    text("`{name}` is no provider's configuration.", name=plain(each)), where="providers"
                )
        known = {each.arn: each for each in self.get(name).unmanaged}
        chosen = list(dict.fromkeys(arns))
        if not chosen:
            raise WrongUseError(text("Nothing is chosen."), next=text("Choose what to import."), where="arns")
        for arn in chosen:
            if arn not in known:
                raise NotFoundError(
                    text("The last look found no `{arn}` that is unmanaged.", arn=plain(arn)),
                    next=text("Look again: a state may hold it by now."),
                    where="arns",
                    code="not-unmanaged",
                )
        graph = self._inventory.read(name).graph
        taken = {each.address for each in graph.nodes.values() if each.kind is Kind.RESOURCE}
        made = imports([known[arn].existing for arn in chosen], taken, providers)
        blocks = [ImportBlock(to=each.to, id=each.id, arn=each.existing.arn) for each in made.blocks]
        return ImportsView(hcl=made.hcl, blocks=blocks, left=[each.arn for each in made.left])

    # --- within -----------------------------------------------------------------------------------------------------

    def _costs(self, items: Sequence[ItemView]) -> dict[str, Cost]:
        """With the prices of now, by ARN."""
        billings = {each.arn: each.existing.billing for each in items}
        known = self._prices.book(billings.values())
        return {each.arn: cost(billings[each.arn], each.region, known) for each in items}

    def _is_looking(self, name: str) -> bool:
        return name in self._looking and not self._looking[name].done()

    def _looks(self, repository: RepositoryView, regions: Sequence[str]) -> Looks:
        checked_regions(regions)
        accesses = self._told.accesses(repository.name) or [Access(each) for each in regions[:1]]
        if not accesses:
            raise WrongUseError(
                text("No blueprint lies in `{name}` that says in which region to look.", name=repository.name),
                next=text("Name one: `--region REGION`, or AWS_REGION in the server's environment."),
                where="regions",
                code="no-region",
            )
        return looks(accesses, regions)

    def _look(self, repository: RepositoryView, asked: Looks) -> None:
        """In a thread of its own: whatever happens is told by what is kept."""
        try:
            found, held = self._found(repository, asked)
        except ButaiError as error:
            self._keep_failure(repository, error)
        except Exception:
            log.exception("look at accounts failed", repository=repository.name)
            self._keep_failure(
                repository, ButaiError(text("Something went wrong inside Butai; the server's log says more."))
            )
        else:
            with self._database.session() as session:
                row = self._row(session, repository)
                row.result, row.at, row.held = packed(found), self._now(), held
                row.failure = row.failed_at = None

    def _found(self, repository: RepositoryView, asked: Looks) -> tuple[Result, dict[str, list[str]]]:
        surveys, gaps = _surveys(asked)
        told = self._known.told(repository.name, [access for access, _ in asked])
        states = [*self._known.own(), *told]
        whole = by_account(surveys)
        found = coverage(whole, {each.view.name: each.instances for each in states})
        regions = {region for _, regions in asked for region in regions}
        kept = result(found, whole, gaps, [each.view for each in states], sorted(regions))
        return kept, self._held(repository.name, told)

    def _held(self, name: str, told: Sequence[KnownState]) -> dict[str, list[str]]:
        """By root, what told states have in it."""
        graph = self._inventory.read(name).graph
        found: dict[str, set[str]] = {}
        for each in told:
            root = each.root or root_of(graph, each.view.name, each.instances)
            if root is not None and not each.view.problem:
                found.setdefault(root, set()).update(paths(each.instances))
        return {root: sorted(of_root) for root, of_root in found.items()}

    def _keep_failure(self, repository: RepositoryView, error: ButaiError) -> None:
        with self._database.session() as session:
            row = self._row(session, repository)
            row.failure, row.failed_at = error.as_stored(), self._now()

    def _row(self, session: Session, repository: RepositoryView) -> store.InventorySurvey:
        row = store.survey_of(session, repository.name)
        if row is None:
            row = store.InventorySurvey(repository=repository.name, held={})
            session.add(row)
        row.location = self._inventory.mirror(repository.name).location
        return row


def _surveys(asked: Looks) -> tuple[list[Survey], list[GapView]]:
    """Of every access. One that AWS does not let in is a gap beside others; where none is let in, the look has failed."""
    found: list[Survey] = []
    gaps: list[GapView] = []
    refused: ButaiError | None = None
    for access, regions in asked:
        try:
            found.append(survey(session_for(access), regions))
        except ButaiError as error:
            refused = error
            gaps += [
                GapView(account="", region=each, kind="", denied=True, code=error.code, what=error.what, why=error.why)
                for each in regions
            ]
    if refused is not None and not found:
        raise refused
    return found, gaps


def _failure(row: store.InventorySurvey) -> FailureView | None:
    if row.failure is None or row.failed_at is None:
        return None
    said = {name: restored(row.failure[name], row.failure["texts"][name]) for name in ("what", "why", "next")}
    return FailureView(at=row.failed_at, **said)
