"""The JSON API of prices, and of what code costs with them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from butai.inventory.api import inventory
from butai.inventory.code_costs import CodeCosts
from butai.inventory.cost_views import NodeCostView, PriceView, node_cost_view
from butai.inventory.prices_service import Prices
from butai.inventory.prices_views import OfferRequest, PricesView, ReadRequest
from butai.inventory.service import Inventory

router = APIRouter(prefix="/api/v1", tags=["inventory"])


def prices(request: Request) -> Prices:
    """The service of this server."""
    found: Prices = request.app.state.butai.prices
    return found


def code_costs(request: Request) -> CodeCosts:
    """The service of this server."""
    found: CodeCosts = request.app.state.butai.code_costs
    return found


Service = Annotated[Prices, Depends(prices)]
Costs = Annotated[CodeCosts, Depends(code_costs)]
Known = Annotated[Inventory, Depends(inventory)]


@router.get("/prices")
def show_prices(service: Service) -> PricesView:
    """Of which regions and services prices are kept, and how old they are."""
    return service.get()


@router.post("/prices", status_code=202)
def read_prices(service: Service, body: ReadRequest | None = None) -> PricesView:
    """Begin to ask AWS's Price List; `reading` says that it is under way."""
    return service.read(body.regions if body else ())


@router.post("/prices/offer")
def take_offer(service: Service, body: OfferRequest) -> PricesView:
    """Keep what an offer file says of a service in a region, in place of what was kept of it."""
    return service.take(body)


@router.get("/prices/{service_name}")
def show_service(service: Service, service_name: str, region: Annotated[str, Query()] = "") -> list[PriceView]:
    """A service's prices in a region, each with its SKU and dates; without one, those that belong to none."""
    return service.of(service_name, region)


@router.get("/inventory/{name}/costs")
def show_costs(costs: Costs, known: Known, name: str, commit: str = "") -> list[NodeCostView]:
    """What the resources of a commit's code cost, as far as code and prices tell."""
    read = known.read(name, commit)
    found = costs.of(known.mirror(name), read.commit, read.graph)
    return [node_cost_view(id_, region, each) for id_, (region, each) in found.items()]
