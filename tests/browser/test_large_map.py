"""A map of as much as is ever visible at once follows the hand: it is pulled in small steps, and a click is answered."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import pytest
from playwright.sync_api import Page, expect

from butai.inventory.shown import MOST
from butai.inventory.view import View
from butai.inventory.views import AddRequest
from support.portal import Portal, Visit
from support.repository import WorkingTree

MODULES, EACH = 18, 25
# Drawn without a graphics card, on a machine that does other things: it was 17 ms, and less is never shown.
MOST_OF_A_FRAME_MS, WAIT_MS = 100.0, 20_000.0
_WATCH = """() => {
  const times = window.frames_seen = [];
  const see = (at) => { times.push(at); window.watching = requestAnimationFrame(see); };
  window.watching = requestAnimationFrame(see);
}"""
_SEEN = """() => {
  cancelAnimationFrame(window.watching);
  return window.frames_seen.slice(1).map((at, number) => at - window.frames_seen[number]);
}"""
_DRAWN = "() => document.querySelector('.canvas')._cyreg.cy.nodes('[!box]').length"
_STANDS = """() => {
  const cy = document.querySelector('.canvas')._cyreg.cy;
  return [cy.pan().x, cy.pan().y, cy.zoom()];
}"""


def files() -> dict[str, str]:
    """Modules with as many queues as open by themselves, each needing the one before it, and a root that calls all."""
    found = {}
    for number in range(MODULES):
        lines = ['variable "size" {}']
        for queue in range(EACH):
            before = f"aws_sqs_queue.q{queue - 1}.arn" if queue else "var.size"
            lines.append(f'resource "aws_sqs_queue" "q{queue}" {{ name = {before} }}')
        found[f"modules/m{number:02}/main.tf"] = "\n".join([*lines, 'output "arn" { value = aws_sqs_queue.q0.arn }'])
    calls = []
    for number in range(MODULES):
        size = f"module.m{number - 1:02}.arn" if number else "1"
        calls.append(f'module "m{number:02}" {{\n source = "../modules/m{number:02}"\n size = {size}\n}}')
    return {**found, "live/main.tf": "\n".join(calls)}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder = tmp_path_factory.mktemp("large")
    portal = Portal(folder)
    tree = WorkingTree(folder / "large")
    tree.commit(files())
    portal.butai.inventory.add(AddRequest(repository=str(tree.path)))
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


def test_a_full_map_moves_in_small_steps_and_answers(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    view = View(open=tuple(f"modules/m{number:02}" for number in range(MODULES)))
    page.goto(f"{portal.url}/inventory/large/map?{view.query}")
    expect(page.locator(".canvas canvas").first).to_be_visible(timeout=WAIT_MS)
    assert 0.9 * MOST <= page.evaluate(_DRAWN) <= MOST
    before = page.evaluate(_STANDS)
    frames = moved(page)
    after = page.evaluate(_STANDS)
    assert before[:2] != after[:2] and before[2] < after[2], "it was pulled, and came nearer"
    assert median(frames) < MOST_OF_A_FRAME_MS, frames
    chosen = page.get_by_role("link", name="aws_sqs_queue.q7").nth(3)
    chosen.click()
    expect(page.locator("#map-node h2")).to_have_text("aws_sqs_queue.q7", timeout=WAIT_MS)


def moved(page: Page) -> list[float]:
    """Pull the map by an empty place and turn the wheel; how long each frame took meanwhile, in milliseconds."""
    stage = page.locator("#map-stage").bounding_box()
    assert stage is not None
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + 5
    page.mouse.move(x, y)
    page.evaluate(_WATCH)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(x + 4 * step, y + 3 * step)
    page.mouse.up()
    for _ in range(10):
        page.mouse.wheel(0, -60)
    frames: list[float] = page.evaluate(_SEEN)
    return frames
