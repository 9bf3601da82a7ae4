"""The JSON API of the inventory (part of the public API)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from butai.inventory.about import Link
from butai.inventory.document import document, node_document
from butai.inventory.picture import document as picture_document
from butai.inventory.service import Inventory, RepositoryView
from butai.inventory.view import View, read_view
from butai.inventory.views import AddRequest
from butai.terraform.hcl_literals import UNKNOWN

router = APIRouter(prefix="/api/v1/inventory", tags=["inventory"])
Commit = Annotated[str, Query(description="A commit; the newest known one if empty.")]


def inventory(request: Request) -> Inventory:
    """The service of this server."""
    found: Inventory = request.app.state.butai.inventory
    return found


def asked_view(
    request: Request,
    open: Annotated[list[str], Query(description="Groups that are open.")] = [],  # noqa: ARG001, B006
    shut: Annotated[list[str], Query(description="Groups that are closed.")] = [],  # noqa: ARG001, B006
    focus: Annotated[str, Query(description="Only this node or group and what is around it.")] = "",  # noqa: ARG001
    steps: Annotated[str, Query(description="How many steps around it, 1 to 6.")] = "",  # noqa: ARG001
    impact: Annotated[str, Query(description="Only this node or group and everything that needs it.")] = "",  # noqa: ARG001
    hide: Annotated[list[str], Query(description="Kinds that are left out; `nothing` for none.")] = [],  # noqa: ARG001, B006
    colour: Annotated[str, Query(description="kind, age, churn, cost or coverage.")] = "",  # noqa: ARG001
    search: Annotated[str, Query(description="Words that ids, types or files hold.")] = "",  # noqa: ARG001
    node: Annotated[str, Query(description="The node or group that is told about.")] = "",  # noqa: ARG001
    commit: Commit = "",  # noqa: ARG001
) -> View:
    """The view that an address asks for: parameters are declared for the API's description, and read in one place."""
    return read_view(request.query_params.multi_items())


Service = Annotated[Inventory, Depends(inventory)]
AskedView = Annotated[View, Depends(asked_view)]


@router.get("")
def list_repositories(service: Service) -> list[RepositoryView]:
    """Every repository."""
    return list(service.list())


@router.post("", status_code=201)
def add_repository(service: Service, body: AddRequest) -> RepositoryView:
    """Add a repository."""
    return service.add(body)


@router.get("/{name}")
def show_repository(service: Service, name: str) -> RepositoryView:
    """One repository, read."""
    service.read(name)
    return service.get(name)


@router.delete("/{name}", status_code=204)
def remove_repository(service: Service, name: str) -> None:
    """Forget a repository that was added."""
    service.remove(name)


@router.get("/{name}/graph")
def show_graph(service: Service, name: str, commit: Commit = "") -> dict[str, Any]:
    """The whole graph, as `butai map --json` prints it."""
    read = service.read(name, commit)
    return {"commit": read.commit, **document(read.graph)}


@router.get("/{name}/view")
def show_view(service: Service, name: str, view: AskedView) -> dict[str, Any]:
    """What the map shows, with places in pixels. `query` of a node is what a click on it asks for."""
    found = service.map(name, view)
    shown = found.picture.shown
    return {
        "commit": found.read.commit,
        "total": shown.total,
        "held": shown.held,
        "found": {"total": found.found.total, "nodes": [each.id for each in found.found.nodes]},
        **picture_document(found.read.graph, found.picture, found.rows, view),
    }


@router.get("/{name}/node")
def show_node(service: Service, name: str, id: str, commit: Commit = "") -> dict[str, Any]:
    """One node with its neighbours and everything that a change of it may reach."""
    read, found = service.about(name, id, commit)
    return {
        "commit": read.commit,
        **node_document(found.node),
        "values": {name: each for name, each in found.values.items() if each is not UNKNOWN},
        "unknown": [name for name, each in found.values.items() if each is UNKNOWN],
        "needs": [_link(each) for each in found.needs],
        "needed_by": [_link(each) for each in found.needed_by],
        "impact": sorted(read.graph.impact(id)),
    }


@router.get("/{name}/source")
def show_source(service: Service, name: str, file: str, commit: Commit = "") -> dict[str, Any]:
    """A file of Terraform's as a commit holds it. `nodes`: what is written at a line, by its number."""
    found = service.source(name, file, commit)
    return {"commit": found.commit, "file": found.file, "lines": found.lines, "nodes": found.nodes}


def _link(link: Link) -> dict[str, str]:
    return {"id": link.node.id, "uses": link.uses, "attribute": link.attribute}
