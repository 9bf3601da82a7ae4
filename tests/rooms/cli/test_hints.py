"""What is said to somebody who named something that is not there."""

from __future__ import annotations

from butai.errors import did_you_mean, nearest


def test_the_nearest_name_else_the_first_of_all() -> None:
    assert did_you_mean("stagin", {"live", "staging"}) == "Did you mean `staging`?"
    assert did_you_mean("x", ["live", "", "base", "base"]) == "Known: base, live."
    assert did_you_mean("x", []) == nearest("x", ["live"]) == ""
    assert did_you_mean("?", (f"name-{number:02}" for number in range(30))).endswith("name-19, ….")
