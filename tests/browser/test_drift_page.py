"""Drift on the page and in the list: what differs, the one action beside it, and a check that somebody asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from butai.environments.store import Environment
from butai.runs.model import RunKind
from butai.runs.store import Run
from support.portal import Portal, Visit

Shot = Callable[[Page, str], None]

ITEMS = [
    {
        "address": "aws_ssm_parameter.word",
        "action": "update",
        "outside": "update",
        "attributes": [
            {"path": "tags.Team", "before": '"calls"', "after": '"voice"'},
            {"path": "value", "before": "(sensitive)", "after": "(sensitive)"},
            {"path": "version", "before": "2", "after": "known after apply", "forces": True},
        ],
        "more": 3,
    },
    {"address": 'module.cache.aws_elasticache_replication_group.main["a"]', "action": "replace", "outside": ""},
]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    portal = Portal(tmp_path_factory.mktemp("drift"))
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


@pytest.fixture
def page(portal: Portal, visit: Visit) -> Page:
    return visit(portal)


def drifted(portal: Portal, name: str) -> int:
    """An environment on the blueprint's first commit, whose newest check found two things."""
    environment = portal.add_environment(name)
    run = portal.add_run(environment, running=False)
    commit = portal.team.infra.git("rev-list", "--max-parents=0", "main")
    with portal.butai.database.session() as session:
        session.get_one(Run, run).kind = RunKind.UPDATE
        row = session.get_one(Environment, environment)
        row.drift = {"run": run, "at": "2026-01-02T03:04:05+00:00", "count": 2, "items": ITEMS}
        row.commit, row.engine_version = commit, "1.0.0"
        row.services = {"web": {"branch": "main", "commit": "0" * 40, "image": "web:0", "default_branch": "main"}}
    return environment


def test_what_differs_is_shown_and_put_right_by_an_update(portal: Portal, page: Page, shot: Shot) -> None:
    environment = drifted(portal, "qa-1")
    page.goto(f"{portal.url}/environments")
    row = page.locator(f"#environment-{environment}")
    expect(row.locator(".mark")).to_have_text("2 drifted")
    row.get_by_role("link", name="qa-1").click()
    section = page.locator("#drift")
    expect(section).to_contain_text("2 things differ")
    first = section.locator("li").first
    expect(first).to_contain_text("aws_ssm_parameter.wordchanged outside, an update would change it")
    expect(first.locator("dl > div")).to_have_text(
        [
            'tags.Team"calls" →becomes "voice"',
            "value(sensitive) →becomes (sensitive)",
            "version makes it anew2 →becomes known after apply",
        ]
    )
    expect(first).to_contain_text("3 attributes more")
    expect(section.locator("li").last.locator("dl")).to_have_count(0)
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            shot(page, f"drift-{scheme}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    section.get_by_role("button", name="Make it as the code says").click()
    expect(page.locator("#headline")).to_contain_text("Queued")
    newest = portal.butai.runs.of_environment(environment)[0]
    assert (newest.kind, newest.params["services"]["web"]["image"]) == (RunKind.UPDATE, "web:0")


def test_a_check_that_somebody_asks_for_is_followed(portal: Portal, page: Page) -> None:
    environment = drifted(portal, "qa-2")
    page.goto(f"{portal.url}/environments/tiny/qa-2")
    page.locator("#drift").get_by_role("button", name="Look now").click()
    section = page.locator("#drift")
    expect(section).to_contain_text("Looking for drift")
    expect(page.locator("#headline .head .state")).not_to_have_text("Queued")
    run = portal.butai.runs.of_environment(environment)[0]
    assert run.kind is RunKind.DRIFT_CHECK
    portal.butai.runs.cancel(run.id)
    with portal.butai.database.session() as session:
        session.get_one(Environment, environment).drift = {
            "run": run.id,
            "at": "2026-01-02T03:04:05+00:00",
            "count": 0,
            "items": [],
        }
    expect(section).to_contain_text("As the code says", timeout=10_000)
    expect(section).not_to_contain_text("Looking for drift")


def test_the_list_says_what_is_behind(portal: Portal, page: Page, shot: Shot) -> None:
    environment = drifted(portal, "qa-3")
    portal.team.infra.commit({"words.md": "words"}, "Words for everybody")
    portal.butai.blueprints.refresh("tiny")
    page.goto(f"{portal.url}/environments")
    words = "1 commit behind main: Words for everybody · the root is the same"
    expect(page.locator(f"#environment-{environment} .behind")).to_have_text(words)
    page.goto(f"{portal.url}/environments/tiny/qa-3")
    expect(page.locator("#facts .behind")).to_have_text(words)
    expect(page.locator("#facts .behind + .sub")).to_contain_text("as of ")
    repository = portal.team.infra.path
    repository.rename(repository.with_name("moved"))
    portal.butai.blueprints.fetch_all(0)
    page.goto(f"{portal.url}/environments")
    row = page.locator(f"#environment-{environment}")
    expect(row.locator(".behind")).to_have_text(words)
    expect(row).to_contain_text("seconds ago")
    expect(row.locator("td").first).to_contain_text("not fetched since: There is no")
    shot(page, "behind-list")
    page.goto(f"{portal.url}/environments/tiny/qa-3")
    expect(page.locator("#facts")).to_contain_text("not fetched since:")
    shot(page, "behind-page")
    repository.with_name("moved").rename(repository)
    portal.butai.blueprints.fetch_all(0)
    page.reload()
    expect(page.locator("#facts")).not_to_contain_text("not fetched since:")
