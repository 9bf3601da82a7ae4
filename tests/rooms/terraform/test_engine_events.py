"""The engine's lines as events: lines of a real engine, and lines that no engine should write."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform import commands
from butai.terraform.events import EngineEvent, is_unanswered, parse
from butai.terraform.progress import Progress
from support.tiny_root import TinyRoot

STILL = (
    '{"@level":"info","@message":"terraform_data.slow: Still creating... [10s elapsed]","@module":"terraform.ui",'
    '"@timestamp":"2026-11-24T08:41:43.031597Z","hook":{"resource":{"addr":"terraform_data.slow","module":"",'
    '"resource":"terraform_data.slow","implied_provider":"terraform","resource_type":"terraform_data",'
    '"resource_name":"slow","resource_key":null},"action":"create","elapsed_seconds":10},"type":"apply_progress"}'
)
DRIFT = (
    '{"@level":"info","@message":"aws_ecs_service.web: Drift detected (update)","@module":"terraform.ui",'
    '"@timestamp":"2026-11-24T08:41:43Z","change":{"resource":{"addr":"aws_ecs_service.web","module":"",'
    '"resource":"aws_ecs_service.web","implied_provider":"aws","resource_type":"aws_ecs_service",'
    '"resource_name":"web","resource_key":null},"action":"update"},"type":"resource_drift"}'
)


def events_of(lines: list[str]) -> list[EngineEvent]:
    return [parse(seq, line) for seq, line in enumerate(lines, 1)]


def progress_of(events: list[EngineEvent]) -> Progress:
    return reduce(Progress.after, events, Progress())


def only(events: list[EngineEvent], kind: str) -> list[EngineEvent]:
    return [event for event in events if event.kind == kind]


def test_a_real_apply(tiny: TinyRoot) -> None:
    events = events_of(tiny.lines(commands.apply(tiny.engine, tiny.values(environment="qa-1"))))
    assert [each.seq for each in events] == list(range(1, len(events) + 1))
    assert events[0].kind == "version"
    assert events[0].at is not None
    assert events[0].at.tzinfo is UTC
    assert {each.address for each in only(events, "planned")} == {"terraform_data.first", "terraform_data.second"}
    summaries = [(each.action, each.add, each.change, each.remove) for each in only(events, "change_summary")]
    assert summaries == [("plan", 2, 0, 0), ("apply", 2, 0, 0)]
    done = only(events, "done")
    assert [(each.address, each.resource_type, each.action) for each in done] == [
        ("terraform_data.first", "terraform_data", "create"),
        ("terraform_data.second", "terraform_data", "create"),
    ]
    assert all(each.id_key == "id" and len(each.id_value) == 36 and each.elapsed_s is not None for each in done)
    assert "said" in " ".join(each.message for each in only(events, "provision"))
    progress = progress_of(events)
    assert (progress.planned, progress.begun, progress.done, progress.failed, progress.in_flight) == (2, 2, 2, 0, ())


def test_outputs_are_told_without_their_values(tiny: TinyRoot) -> None:
    lines = tiny.lines(commands.apply(tiny.engine, tiny.values(environment="qa-1")))
    assert "http://qa-1.localhost" in "\n".join(lines)
    events = events_of(lines)
    assert only(events, "outputs")
    assert "http://qa-1.localhost" not in repr(events)
    assert "hunter2" not in repr(events)


def test_a_real_failure(tiny: TinyRoot) -> None:
    assert tiny.run(commands.apply(tiny.engine, tiny.values(environment="qa-1"))).returncode == 0
    failing = tiny.run(commands.apply(tiny.engine, tiny.values(environment="qa-1", exit_code=3)))
    assert failing.returncode == 1
    events = events_of(failing.stdout.splitlines())
    progress = progress_of(events)
    # A replacement is a deletion and a creation; the creation failed.
    assert (progress.planned, progress.begun, progress.done, progress.failed) == (2, 2, 1, 1)
    assert progress.in_flight == ()
    [failed] = only(events, "failed")
    assert (failed.address, failed.action) == ("terraform_data.second", "create")
    [diagnostic] = only(events, "diagnostic")
    assert (diagnostic.severity, diagnostic.address, diagnostic.file) == ("error", "terraform_data.second", "main.tf")
    assert diagnostic.line == 15
    assert "exit status 3" in diagnostic.detail


def test_a_real_error_of_the_root_has_file_and_line(tiny: TinyRoot) -> None:
    (tiny.folder / "broken.tf").write_text('\n\nresource "terraform_data" "x" {\n  input = \n}\n')
    events = events_of(tiny.lines(commands.plan(tiny.engine, tiny.values(environment="qa-1"))))
    [diagnostic] = only(events, "diagnostic")
    assert (diagnostic.file, diagnostic.line) == ("broken.tf", 4)
    assert progress_of(events) == Progress()


def test_a_real_destroy(tiny: TinyRoot) -> None:
    values = tiny.values(environment="qa-1")
    tiny.run(commands.apply(tiny.engine, values))
    events = events_of(tiny.lines(commands.destroy(tiny.engine, values)))
    progress = progress_of(events)
    assert (progress.planned, progress.done, {each.action for each in only(events, "done")}) == (2, 2, {"delete"})
    assert only(events, "refresh")


def test_progress_and_drift_lines() -> None:
    still = parse(7, STILL)
    assert (still.kind, still.elapsed_s, still.action, still.is_change) == ("progress", 10, "create", True)
    assert still.at == datetime(2026, 11, 24, 8, 41, 43, 31597, UTC)
    drift = parse(8, DRIFT)
    assert (drift.kind, drift.address, drift.is_change) == ("drift", "aws_ecs_service.web", False)


def line(kind: str, **members: Any) -> str:
    return json.dumps({"@level": "info", "@message": "m", "type": kind, **members})


def hook(address: str, action: str, **members: Any) -> dict[str, Any]:
    return {"hook": {"resource": {"addr": address}, "action": action, **members}}


def test_reading_a_data_source_is_no_change() -> None:
    lines = [
        line("apply_start", **hook("data.aws_vpc.main", "read")),
        line("apply_complete", **hook("data.aws_vpc.main", "read")),
    ]
    assert progress_of(events_of(lines)) == Progress()


def test_what_is_under_way_and_what_everybody_waits_for() -> None:
    started = [line("apply_start", **hook("a.quick", "create")), line("apply_start", **hook("b.slow", "create"))]
    progress = progress_of(
        events_of([*started, line("apply_progress", **hook("b.slow", "create", elapsed_seconds=20))])
    )
    assert [(each.address, each.elapsed_s) for each in progress.in_flight] == [("a.quick", 0), ("b.slow", 20)]
    assert progress.waiting_text == "creating b.slow, 20 s"
    assert Progress().waiting_text == ""
    assert (progress.begun, progress.done) == (2, 0)


def test_a_deposed_object_and_its_successor_are_two_things() -> None:
    lines = [
        line("apply_start", **hook("a.x", "create")),
        line("apply_complete", **hook("a.x", "create")),
        line("apply_start", **hook("a.x", "delete")),
    ]
    progress = progress_of(events_of(lines))
    assert [(each.address, each.action) for each in progress.in_flight] == [("a.x", "delete")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Initializing the backend...", "Initializing the backend..."),
        ("\x1b[1mbold\x1b[0m\n", "bold"),
        ('{"@message":"half a li', "(a line that cannot be read, 22 characters)"),
        ("42", "42"),
        ('{"type":"something_new"}', "something_new"),
        ("", ""),
    ],
)
def test_lines_that_are_not_the_engines(text: str, message: str) -> None:
    event = parse(3, text)
    assert (event.seq, event.kind, event.message) == (3, "log", message)


def test_half_a_line_does_not_tell_the_value_in_it() -> None:
    assert "hunter2" not in repr(parse(1, '{"type":"outputs","outputs":{"p":{"value":"hunter2'))


@pytest.mark.parametrize(
    ("summary", "detail", "unanswered"),
    [
        ("Plugin did not respond", "The plugin encountered an error", True),
        ("creating SSM Parameter (/x): operation error SSM: PutParameter, https response error StatusCode: 0, RequestID: , "
         "canceled, context canceled", "", True),
        ("Error creating", "operation error S3: PutObject, context deadline exceeded", True),
        ("creating SSM Parameter (/x): operation error SSM: PutParameter, https response error StatusCode: 400, "
         "RequestID: 1, ParameterAlreadyExists", "", False),
        ("Invalid value", "StatusCode: 03 is none", False),
    ],
)  # fmt: skip
def test_a_call_without_an_answer(summary: str, detail: str, unanswered: bool) -> None:
    assert is_unanswered(summary, detail) is unanswered


def test_text_of_an_event_is_harmless() -> None:
    event = parse(1, line("diagnostic", diagnostic={"severity": "error", "summary": "a\x1b[2Jb", "detail": "c\x00"}))
    assert (event.summary, event.detail) == ("ab", "c␀")


ODD = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)
KNOWN = [
    "type",
    "@message",
    "@timestamp",
    "hook",
    "change",
    "changes",
    "diagnostic",
    "resource",
    "range",
    "start",
    "line",
]
TYPES = st.sampled_from(
    ["apply_start", "apply_complete", "planned_change", "change_summary", "diagnostic", "apply_progress"]
)


@given(st.text(st.characters()))
def test_any_text_is_an_event(text: str) -> None:
    event = parse(1, text)
    assert event.kind
    event.message.encode()


INNER = st.dictionaries(st.sampled_from(KNOWN), ODD, max_size=4)
OUTER = st.dictionaries(
    st.sampled_from(KNOWN), ODD | INNER | st.dictionaries(st.sampled_from(KNOWN), INNER, max_size=2)
)


@given(OUTER, TYPES)
def test_any_json_is_an_event_and_can_be_folded(raw: dict[str, Any], kind: str) -> None:
    event = parse(1, json.dumps({**raw, "type": kind}))
    assert progress_of([event]).done in {0, 1}


def test_deep_nesting_and_long_numbers_are_survived() -> None:
    assert parse(1, "[" * 200_000).kind == "log"
    assert parse(1, '{"type":"apply_start","hook":{"elapsed_seconds":' + "9" * 5_000 + "}}").kind in {"log", "started"}
    assert parse(1, '{"type":"apply_progress","hook":{"elapsed_seconds":1e300}}').elapsed_s is None
    assert parse(1, '{"type":"apply_progress","hook":{"elapsed_seconds":NaN}}').elapsed_s is None


ACTIONS = st.sampled_from(["create", "update", "delete", "read"])
FOLDED = st.builds(
    EngineEvent,
    seq=st.just(1),
    kind=st.sampled_from(["planned", "started", "progress", "done", "failed", "log"]),
    message=st.just(""),
    address=st.sampled_from(["a.a", "b.b"]),
    action=ACTIONS,
    elapsed_s=st.integers(0, 100),
)


@given(st.lists(FOLDED))
def test_counts_never_go_back(events: list[EngineEvent]) -> None:
    before = Progress()
    for event in events:
        after = before.after(event)
        assert after.done >= before.done
        assert after.failed >= before.failed
        assert after.begun >= before.begun
        assert len(after.in_flight) == len({(each.address, each.action) for each in after.in_flight})
        before = after
