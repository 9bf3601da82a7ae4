"""Times as pages show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from butai.settings import zone_of
from butai.web.times import age, clock_time, full_time, iso_time, local_time, zone_name

TOKYO = ZoneInfo("Asia/Tokyo")
AT = datetime(2026, 11, 22, 16, 41, 7, tzinfo=UTC)


def test_a_time_is_shown_in_the_teams_zone() -> None:
    assert local_time(AT, TOKYO, "en") == "23 Nov 01:41"
    assert local_time(AT, TOKYO, "ja") == "11/23 01:41"
    assert clock_time(AT, TOKYO) == "01:41:07"


def test_the_whole_of_it_has_year_seconds_and_zone() -> None:
    assert full_time(AT, TOKYO, "en") == "23 November 2026, 01:41:07 JST"
    assert full_time(AT, TOKYO, "ja") == "2026年11月23日 01:41:07 JST"
    assert full_time(AT, UTC, "en") == "22 November 2026, 16:41:07 UTC"


def test_programs_read_utc() -> None:
    assert iso_time(AT.astimezone(TOKYO)) == "2026-11-22T16:41:07Z"


def test_freshness_is_rough() -> None:
    assert age(AT, AT + timedelta(minutes=12), "en") == "12 minutes ago"
    assert age(AT, AT + timedelta(minutes=12), "ja") == "12 分前"


def test_an_unknown_zone_is_utc() -> None:
    for name in ("", "Mars/Olympus", "../etc/passwd"):
        assert zone_name(zone_of(name)) == "UTC"
    assert zone_name(zone_of("Asia/Tokyo")) == "Asia/Tokyo"
