"""Health of targets: thresholds, the fast start, and what is told about a failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.localcloud.model import FAST_START_S, Health, HealthCheck, Probe, TargetHealth, after_probe, matches

pytestmark = pytest.mark.model

CHECK = HealthCheck(interval_s=5, healthy_threshold=3, unhealthy_threshold=2)
GOOD, BAD = Probe(200), Probe(500)


def run(*probes: Probe, check: HealthCheck = CHECK, health: TargetHealth | None = None) -> tuple[TargetHealth, float]:
    """Probe whenever the health says that it is time; the health and the time after the last probe."""
    health, now = health or TargetHealth(last_failure=0), 0.0
    for probe in probes:
        now = max(now, health.next_probe)
        health = after_probe(health, check, probe, now)
    return health, now


@pytest.mark.parametrize(
    ("matcher", "status", "fits"),
    [("200", 200, True), ("200", 204, False), ("200-299", 204, True), ("200,302", 302, True), ("200-204,301", 301, True),
     ("200-204, 301", 205, False)],
)  # fmt: skip
def test_matchers(matcher: str, status: int, fits: bool) -> None:
    assert matches(matcher, status) is fits


def test_a_new_target_is_healthy_soon_after_it_answers() -> None:
    health, now = run(GOOD, GOOD)
    assert health.state is Health.INITIAL
    health, now = run(GOOD, GOOD, GOOD)
    assert (health.state, health.reason) == (Health.HEALTHY, None)
    assert now == pytest.approx(2 * FAST_START_S)
    assert health.next_probe == now + CHECK.interval_s


def test_a_slow_start_is_no_failure_before_its_time() -> None:
    refused = Probe(None)
    health, now = run(*[refused] * 20)
    assert now > CHECK.interval_s
    assert (health.state, health.failures) == (Health.INITIAL, 1)
    assert health.reason == "Elb.InitialHealthChecking"
    health, now = run(*[refused] * 40)
    assert health.state is Health.UNHEALTHY
    health, _ = run(*[refused] * 20, GOOD, GOOD, GOOD)
    assert health.state is Health.HEALTHY


def test_a_healthy_target_falls_after_its_threshold_and_rises_again() -> None:
    health, _ = run(GOOD, GOOD, GOOD, BAD)
    assert health.state is Health.HEALTHY
    health, _ = run(GOOD, GOOD, GOOD, BAD, BAD)
    assert health.state is Health.UNHEALTHY
    health, _ = run(GOOD, GOOD, GOOD, BAD, BAD, GOOD, GOOD)
    assert health.state is Health.UNHEALTHY
    health, _ = run(GOOD, GOOD, GOOD, BAD, BAD, GOOD, GOOD, GOOD)
    assert health.state is Health.HEALTHY


@pytest.mark.parametrize(
    ("probe", "reason", "words"),
    [
        (Probe(503), "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
        (Probe(None, timed_out=True), "Target.Timeout", "Request timed out"),
        (Probe(None), "Target.FailedHealthChecks", "Health checks failed"),
    ],
)
def test_what_is_told_about_a_failure(probe: Probe, reason: str, words: str) -> None:
    health, _ = run(GOOD, GOOD, GOOD, probe, probe)
    assert (health.reason, health.description) == (reason, words)


@given(st.lists(st.sampled_from([GOOD, BAD, Probe(None)]), max_size=60), st.integers(2, 10), st.integers(2, 10))
def test_health_follows_the_last_probes(probes: list[Probe], up: int, down: int) -> None:
    check = HealthCheck(interval_s=1, healthy_threshold=up, unhealthy_threshold=down)
    health, _ = run(*probes, check=check)
    good = [probe == GOOD for probe in probes]
    if len(good) >= up and all(good[-up:]):
        assert health.state is Health.HEALTHY
    if health.state is Health.HEALTHY:
        assert any(good[-down:]), "never healthy after as many failures as the threshold says"
    if health.was_healthy and len(good) >= down and not any(good[-down:]):
        assert health.state is Health.UNHEALTHY
