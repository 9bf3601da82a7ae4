"""Prices of AWS's Price List: read with the access that blueprints have, or out of an offer file, and kept with their dates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import structlog

from butai.aws.billing import Billing
from butai.aws.price_list import SERVICES, Price, Rate, is_understood, settled
from butai.aws.prices import Reading, Unread, read_prices
from butai.aws.session import Access, session_for
from butai.blueprints.service import Blueprints
from butai.db import Database
from butai.errors import ButaiError, NotFoundError, WrongUseError, did_you_mean
from butai.inventory import coverage_store
from butai.inventory import prices_store as store
from butai.inventory.cost_views import PriceView, price_view
from butai.inventory.costs import Book, book, rates_of
from butai.inventory.coverage_model import checked_regions, looks
from butai.inventory.coverage_views import unpacked
from butai.inventory.prices_views import KeptView, OfferRequest, PricesView, UnreadView
from butai.inventory.words import FailureView
from butai.terraform.text import plain
from butai.text import text

log = structlog.get_logger()


class PricesError(ButaiError):
    """The Price List cannot be read."""

    code = "prices"


class Prices:
    """Readings of the Price List, one at a time, and the prices of the last one."""

    def __init__(
        self, database: Database, blueprints: Blueprints, environ: Mapping[str, str], now: Callable[[], datetime]
    ) -> None:
        self._database, self._blueprints, self._environ, self._now = database, blueprints, environ, now
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prices")
        self._reading: Future[None] | None = None
        self._unread: tuple[Unread, ...] = ()
        self._failure: FailureView | None = None

    def get(self) -> PricesView:
        """What is kept, and how the last reading of this server went."""
        # Asked first: what a reading that ends between the two has kept is there.
        reading = self._reading is not None and not self._reading.done()
        with self._database.reading() as session:
            kept = [KeptView(**vars(each)) for each in store.kept(session)]
        unread = [UnreadView(**vars(each)) for each in self._unread]
        return PricesView(kept=kept, regions=self._regions(), reading=reading, unread=unread, failure=self._failure)

    def of(self, service: str, region: str) -> list[PriceView]:
        """A service's prices in a region (empty: in none). Raises NotFoundError."""
        if service not in SERVICES:
            raise NotFoundError(
                text("Butai reads no prices of `{service}`.", service=plain(service)),
                next=did_you_mean(service, SERVICES),
            )
        with self._database.reading() as session:
            return [price_view(each) for each in store.all_of(session, service, region)]

    def read(self, regions: Sequence[str] = ()) -> PricesView:
        """Begin to ask the Price List, unless that is under way. `regions`: else those of the known accounts."""
        checked_regions(regions)
        asked = list(dict.fromkeys(regions)) or self._regions()
        if not asked:
            raise WrongUseError(
                text("It is not known of which regions the prices are wanted."),
                next=text("Name one: `--region REGION`, or AWS_REGION in the server's environment."),
                where="regions",
                code="no-region",
            )
        with self._lock:
            if self._reading is None or self._reading.done():
                self._reading = self._pool.submit(self._read, asked)
        return self.get()

    def take(self, offer: OfferRequest) -> PricesView:
        """Keep what an offer file says of a service in a region, in place of what was kept of it."""
        checked_regions([offer.region] if offer.region else ())
        now = self._now()
        found = [
            Price(
                offer.region,
                Rate(offer.service, each.usage, each.variant),
                each.sku,
                each.unit,
                each.amount,
                offer.published_at,
                now,
            )
            for each in offer.prices
        ]
        for each in found:
            if not is_understood(each.rate):
                raise WrongUseError(
                    text("`{usage}` is no price that Butai understands.", usage=plain(each.rate.usage)),
                    where="prices",
                    code="not-understood",
                )
        self._keep(settled(found), [(offer.region, offer.service)])
        return self.get()

    def book(self, billings: Iterable[Billing]) -> Book:
        """The prices that these need."""
        with self._database.reading() as session:
            return book(store.find(session, rates_of(billings)))

    # --- within -----------------------------------------------------------------------------------------------------

    def _regions(self) -> list[str]:
        """Where blueprints and the server's environment are, where somebody looked, and of what prices are kept."""
        with self._database.reading() as session:
            results = [unpacked(each) for each in coverage_store.results(session)]
            kept = store.regions(session)
        looked = {region for each in results if each for region in each.regions}
        return sorted({*looked, *kept, *(each.region for each in self._accesses() if each.region)})

    def _accesses(self) -> list[Access]:
        blueprints = (self._blueprints.newest_known(each.name) for each in self._blueprints.list())
        found = [Access(each.region, each.profile or "", each.role or "") for each in blueprints if each]
        own = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        return [*found, Access(own)] if own else found

    def _read(self, regions: Sequence[str]) -> None:
        """In a thread of its own: whatever happens is told by `get`."""
        try:
            found = self._answer(regions)
            self._keep(found.prices, found.asked)
        except ButaiError as error:
            self._failure = self._failed(error)
        except Exception:
            log.exception("reading of prices failed")
            self._failure = self._failed(
                ButaiError(text("Something went wrong inside Butai; the server's log says more."))
            )
        else:
            self._failure, self._unread = None, found.unread

    def _answer(self, regions: Sequence[str]) -> Reading:
        """The first access's that may read something: prices are the same whoever asks."""
        refused: ButaiError | None = None
        for access, _ in looks(self._accesses() or [Access(regions[0])]):
            try:
                found = read_prices(session_for(access), regions, self._now())
            except ButaiError as error:
                refused = error
                continue
            if found.prices:
                return found
            refused = _nothing(found)
        raise refused or PricesError(text("The Price List told no price."))

    def _keep(self, prices: Iterable[Price], whole: Iterable[tuple[str, str]]) -> None:
        with self._database.session() as session:
            store.put(session, prices, whole)

    def _failed(self, error: ButaiError) -> FailureView:
        return FailureView(at=self._now(), what=error.what, why=error.why, next=error.next)


def _nothing(found: Reading) -> PricesError:
    return PricesError(
        text("The Price List told no price."),
        why=next((each.why for each in found.unread), ""),
        next=text(
            "The access needs `pricing:GetProducts`. Without it, download an offer file: `butai inventory prices --file`."
        ),
    )
