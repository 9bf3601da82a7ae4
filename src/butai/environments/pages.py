"""The environments' pages: at a glance, one of them, the form, a run's log. Thin: the service does everything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Header, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from butai.blueprints.service import Blueprints
from butai.environments import (
    adopt_api,
    api,
    check_api,
    hold_api,
    mend_api,
    mend_forms,
    rollout_api,
    rollout_pages,
    seen,
    state_api,
    state_pages,
)
from butai.environments.drift import newest_check
from butai.environments.listing import FILTERS, matches
from butai.environments.live import Tongue
from butai.environments.log_text import as_text
from butai.environments.log_view import fold, titles_of
from butai.environments.service import (
    CreateRequest,
    DestroyRequest,
    Environments,
    EnvironmentView,
    UpdateRequest,
)
from butai.environments.views import ServiceChoice
from butai.errors import ButaiError, NotFoundError
from butai.runs.model import RunKind
from butai.runs.service import Runs, RunView
from butai.text import text
from butai.web.render import language_of, pages_of
from butai.web.room import Room
from butai.web.texts import translate

router = APIRouter(include_in_schema=False)
LOG_LINES = 20_000
BRANCHES_SHOWN = 50
SEEN_FOR_S = 90 * 86400

ROOM = Room(
    name="environments",
    title="Environments",
    group="Stage",
    path="/environments",
    routers=(
        *(api.router, check_api.router, state_api.router, state_pages.router, mend_api.router),
        *(rollout_api.router, rollout_pages.router),
        *(adopt_api.router, adopt_api.forms(lambda *given: _do(*given), lambda *given: _adopt_form(*given))),  # noqa: PLW0108
        *(hold_api.router, hold_api.forms(lambda *given: _do(*given))),  # noqa: PLW0108 - it comes below
        *(mend_forms.routes(lambda *given: _do(*given)), router),  # noqa: PLW0108 - it comes below
    ),
    templates=Path(__file__).parent / "templates",
    figure=lambda butai: butai.environments.count(),
)


def environments(request: Request) -> Environments:
    """The service of this server."""
    return api.environments(request)


def runs(request: Request) -> Runs:
    """The service of this server."""
    return api.runs(request)


def blueprints(request: Request) -> Blueprints:
    """The service of this server."""
    found: Blueprints = request.app.state.butai.blueprints
    return found


@router.get("/environments")
def show_list(request: Request, q: str = "", only: str = "", part: str = "") -> Response:
    """Every environment; `q` and `only` filter, and stand in the address."""
    everything = environments(request).list()
    counts = {name: sum(keep(each) for each in everything) for name, keep in FILTERS.items()}
    shown = [each for each in everything if FILTERS.get(only, FILTERS[""])(each) and matches(each, q)]
    page = "environments/glance.html" if part else "environments/list.html"
    query = urlencode({"q": q, "only": only, "part": "glance"})
    return pages_of(request).html(
        request,
        page,
        environments=shown,
        total=len(everything),
        counts=counts,
        q=q,
        only=only,
        part=part,
        part_url=f"/environments?{query}",
        blueprints=blueprints(request).list() if not everything else [],
    )


@router.get("/environments/new")
def show_form(request: Request, blueprint: str = "", name: str = "", purpose: str = "", owner: str = "") -> Response:
    """The form for a new environment. Another blueprint brings along what was typed before it was chosen."""
    return _form(request, {"blueprint": blueprint, "name": name, "purpose": purpose, "owner": owner}, None)


@router.get("/environments/new/branches")
def list_branches(request: Request, blueprint: str, service: str, search: str = "") -> Response:
    """Branches for the picker: newest first, by name, author, message or commit."""
    found = blueprints(request).branches(blueprint, service, search)[:BRANCHES_SHOWN]
    return JSONResponse([_branch(each) for each in found])


@router.post("/environments")
async def create(request: Request) -> Response:
    """Create from the form; with an error the form is shown again with everything that was typed."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    return await run_in_threadpool(_create, request, form)


def _create(request: Request, form: dict[str, str]) -> Response:
    chosen = {
        name.removeprefix("service."): ServiceChoice(branch=value)
        for name, value in form.items()
        if name.startswith("service.") and value
    }
    try:
        body = CreateRequest(
            name=form.get("name", "").strip(),
            blueprint=form.get("blueprint", ""),
            services=chosen,
            purpose=form.get("purpose", "").strip()[:200],
            owner=form.get("owner", "").strip()[:100],
        )
        started = environments(request).create(body, by=body.owner or api.by(request))
    except ButaiError as error:
        return _form(request, form, error)
    return RedirectResponse(path_of(started.environment), 303)


def _form(request: Request, form: dict[str, str], error: ButaiError | None) -> Response:
    known = blueprints(request).list()
    if not known:
        return pages_of(request).html(request, "environments/no_blueprint.html")
    chosen = next((each for each in known if each.name == form.get("blueprint")), known[0])
    branches = {name: blueprints(request).branches(chosen.name, name)[:BRANCHES_SHOWN] for name in chosen.services}
    return pages_of(request).html(
        request,
        "environments/new.html",
        status=error.status if error else 200,
        blueprints=known,
        chosen=chosen,
        branches=branches,
        form=form,
        error=error,
        command=_command(chosen.name, form, len(known) > 1),
    )


def _adopt_form(request: Request, form: dict[str, str], error: ButaiError | None) -> Response:
    known = blueprints(request).list()
    if not known:
        return pages_of(request).html(request, "environments/no_blueprint.html")
    chosen = next((each for each in known if each.name == form.get("blueprint")), known[0])
    context: dict[str, Any] = {"blueprints": known, "chosen": chosen, "form": form, "error": error}
    return pages_of(request).html(request, "environments/adopt.html", status=error.status if error else 200, **context)


def _command(blueprint: str, form: dict[str, str], several: bool) -> str:
    """The same as a command."""
    parts = [f"butai env create {form.get('name') or 'NAME'}"]
    parts += [f"--blueprint {blueprint}"] if several else []
    parts += [f"--service {name[8:]}={value}" for name, value in form.items() if name.startswith("service.") and value]
    return " \\\n  ".join(parts)


@router.get("/environments/{blueprint}/{name}")
def show(
    request: Request, blueprint: str, name: str, part: str = "", run: int | None = None, stop: bool = False
) -> Response:
    """One environment with its services, its runs, and the log of the last run (or of the one asked for).

    `stop`: with the question that comes before a stop.
    """
    environment = environments(request).newest(name, blueprint)
    flight = runs(request).in_flight(environment.last_run.id) if stop or part == "stop" else None
    if part == "stop":
        here = path_of(environment)
        return pages_of(request).html(
            request, "environments/stop.html", environment=environment, here=here, flight=flight
        )
    if part == "drift":
        return pages_of(request).html(request, "environments/drift.html", **_drift(request, environment))
    return _headline(request, environment) if part else _show(request, environment, run, flight=flight)


@router.get("/environments/by-id/{environment_id}/gone")
def show_gone(request: Request, environment_id: int, run: int | None = None) -> Response:
    """An environment that is gone: what is left of it is its history."""
    return _show(request, environments(request).by_id(environment_id), run)


def _headline(request: Request, environment: EnvironmentView) -> Response:
    """The page's first lines. Every open page asks for them again and again, so nothing else is looked up."""
    here = path_of(environment)
    return pages_of(request).html(request, "environments/headline.html", environment=environment, here=here)


def _show(request: Request, environment: EnvironmentView, run: int | None = None, **more: Any) -> Response:
    history = list(environments(request).runs_of(environment.id))
    # What only looked at the environment is not what its page is about.
    shown = next((each for each in history if each.id == run), environment.last_run)
    if run is not None and shown.id != run:
        raise NotFoundError(text("`{name}` has no run {run}.", name=environment.name, run=run))
    events = runs(request).events(shown.id, limit=LOG_LINES)
    # Browsers keep cookies by host and not by port.
    cookie = f"{seen.COOKIE}_{request.url.port or 0}"
    known = seen.read(request.cookies.get(cookie, ""))
    visit = seen.visit(known.get(environment.id), history[0].id if history else 0, datetime.now(UTC))
    context: dict[str, Any] = {
        "environment": environment,
        "run": shown,
        "asked": run is not None,
        "history": history,
        "steps": fold(events, shown),
        "titles": {step.value: title for step, title in titles_of(shown).items()},
        "error": None,
        "flight": None,
        "since": seen.since(known.get(environment.id), visit, history, api.by(request)),
        **_drift(request, environment, history),
        **more,
    }
    status = more["error"].status if more.get("error") else 200
    page = pages_of(request).html(request, "environments/show.html", status=status, **context)
    told = seen.written({**known, environment.id: visit})
    page.set_cookie(cookie, told, max_age=SEEN_FOR_S, httponly=True, samesite="strict", path="/environments")
    return page


def _drift(request: Request, environment: EnvironmentView, history: Sequence[RunView] = ()) -> dict[str, Any]:
    """What the page's part about drift shows."""
    runs = history or environments(request).runs_of(environment.id)
    checks = [each for each in runs if each.kind is RunKind.DRIFT_CHECK and not each.params.get("preview")]
    newest = newest_check(checks[0].id, checks[0].status, checks[0].end) if checks else None
    return {"environment": environment, "here": path_of(environment), "check": newest}


@router.post("/environments/{blueprint}/{name}/update")
async def update(request: Request, blueprint: str, name: str) -> Response:
    """Other branches from the form on the page."""
    form = {key: str(value) for key, value in (await request.form()).items()}
    chosen = {key.removeprefix("service."): value for key, value in form.items() if key.startswith("service.")}
    body = UpdateRequest(
        services={key: ServiceChoice(branch=value) for key, value in chosen.items() if value},
        latest=form.get("latest") == "on",
    )

    def work() -> Any:
        return environments(request).update(name, body, by=api.by(request), blueprint=blueprint)

    return await run_in_threadpool(_do, request, blueprint, name, work)


@router.post("/environments/{blueprint}/{name}/destroy")
def destroy(
    request: Request,
    blueprint: str,
    name: str,
    confirm: Annotated[str, Form()] = "",
    looked: Annotated[str, Form()] = "",
    skip_tasks: Annotated[str, Form()] = "",
) -> Response:
    """Destroy, when the name was typed."""
    body = DestroyRequest(confirm=confirm.strip(), looked=looked == "on", skip_tasks=skip_tasks == "on")
    service = environments(request)
    return _do(request, blueprint, name, lambda: service.destroy(name, body, by=api.by(request), blueprint=blueprint))


@router.post("/environments/{blueprint}/{name}/next")
def do_next(request: Request, blueprint: str, name: str) -> Response:
    """The one next action."""
    service = environments(request)
    return _do(request, blueprint, name, lambda: service.next(name, by=api.by(request), blueprint=blueprint))


@router.post("/environments/{blueprint}/{name}/drift-check")
def check_drift(request: Request, blueprint: str, name: str) -> Response:
    """Look for drift."""
    service = environments(request)
    return _do(request, blueprint, name, lambda: service.check(name, by=api.by(request), blueprint=blueprint))


def _do(request: Request, blueprint: str, name: str, work: Any) -> Response:
    """Do it and show the page again; an error is shown on the page it came from."""
    try:
        work()
    except ButaiError as error:
        shown = environments(request).newest(name, blueprint)
        # A name that was not typed is said at its field, also where that comes with a question.
        asked = request.url.path.endswith("/cancel")
        return _show(request, shown, error=error, flight=runs(request).in_flight(shown.last_run.id) if asked else None)
    return RedirectResponse(f"/environments/{quote(blueprint)}/{quote(name)}", 303)


@router.get("/runs/{run_id}/stream")
def stream_log(request: Request, run_id: int, after: int = 0, last_event_id: Annotated[int, Header()] = 0) -> Response:
    """The API's stream of a log, in the language of the page that it goes on in."""
    service, language = runs(request), language_of(request)
    service.get(run_id)
    tongue = Tongue(language, lambda words: translate(words, language))
    return api.stream(request, run_id, max(after, last_event_id), tongue)


@router.get("/runs/{run_id}/log.txt")
def download_log(request: Request, run_id: int) -> Response:
    """A run's whole log as plain text, however long, in the asker's language."""
    service, language = runs(request), language_of(request)
    lines = as_text(service.get(run_id), service, lambda words: translate(words, language))
    return StreamingResponse(lines, media_type="text/plain; charset=utf-8")


def path_of(environment: EnvironmentView) -> str:
    """The page of an environment."""
    if environment.destroyed_at is not None:
        return f"/environments/by-id/{environment.id}/gone"
    return f"/environments/{quote(environment.blueprint)}/{quote(environment.name)}"


def _branch(branch: Any) -> dict[str, Any]:
    return {
        "name": branch.name,
        "commit": branch.commit,
        "author": branch.author,
        "committed_at": branch.committed_at.isoformat(),
        "subject": branch.subject,
    }
