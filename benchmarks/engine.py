"""Engine runs of many environments at once: with providers that they share, against bare Terraform doing the same.

    make bench-engine        # prints one JSON object last; writes benchmarks/results/engine.json

BENCH_AT_ONCE (1,4,8,16), BENCH_ROUNDS (3) and BENCH_ROUNDS_8 (5, the update of 8) say how much. Each figure is taken twice:
as it is, and with 80 ms and a limit of 50 a second for every call to AWS. Every environment has its name in `default_tags`,
as most teams have it, and so a provider process of its own; "one configuration" is eight environments without that.
Both sides start from a folder in which `init` was done; local states; the emulated AWS is counted on neither side, but what
it takes of the two cores is in both walls. CPU and memory of the shared side include the provider host and its providers.
Memory is measured in rounds of its own: looking at it takes time.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.engine_sides import OWN_TAGS, Bare, Figures, Shared, Side, cloud

AT_ONCE = [int(each) for each in os.environ.get("BENCH_AT_ONCE", "1,4,8,16").split(",")]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
ROUNDS_8 = int(os.environ.get("BENCH_ROUNDS_8", "5"))
ALIKE = "one configuration"
WORLDS = {"as it is": (0.0, 0.0), "80 ms, 50 a second": (0.08, 50.0)}
AIMS = {
    "update of 8: wall": 1 / 15,
    "update of 8: cpu": 1 / 15,
    "update of 8: rss": 1 / 4,
    "no change, 8: wall": 1 / 8,
    "create of 8 against one: wall": 1.3,
}
AIMS |= {f"{name}, {ALIKE}": aim for name, aim in AIMS.items() if not name.startswith("create")}
RESULTS = Path(__file__).parent / "results" / "engine.json"
Taken = dict[str, dict[int, list[Figures]]]


def main() -> int:
    """Measure, print, and keep the figures."""
    found = {world: _found(world, waits, AT_ONCE) for world, waits in WORLDS.items()}
    # Eight environments that configure their provider alike share its process.
    found[ALIKE] = _found(ALIKE, WORLDS["as it is"], [8], provider="")
    ratios = {**_ratios(found["as it is"], AT_ONCE), **_told_apart(_ratios(found[ALIKE], [8]))}
    held = all(ratios[name] <= aim for name, aim in AIMS.items() if name in ratios)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "rounds": ROUNDS,
        "figures": found,
        "ratios": ratios,
        "ratios with waits": _ratios(found["80 ms, 50 a second"], AT_ONCE),
        "aims": AIMS,
        "held": held,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({"ratios": ratios, "aims": AIMS, "held": held}))
    return 0


def _found(
    world: str, waits: tuple[float, float], at_once: Sequence[int], provider: str = OWN_TAGS
) -> dict[str, dict[str, dict[int, dict[str, float]]]]:
    """The medians of both sides in a cloud of their own, by side, what was done, and how many at once."""
    with tempfile.TemporaryDirectory(prefix="butai-bench-") as folder, cloud(Path(folder) / "aws", *waits) as endpoint:
        sides = _sides(Path(folder), endpoint, provider)
        return {side.name: _medians(_measured(side, world, at_once)) for side in sides}


def _told_apart(ratios: Mapping[str, float]) -> dict[str, float]:
    return {f"{name}, {ALIKE}": each for name, each in ratios.items() if name.startswith(("update", "no change"))}


def _sides(folder: Path, endpoint: str, provider: str) -> list[Side]:
    return [Bare(folder / "bare", endpoint, provider), Shared(folder / "shared", endpoint, provider)]


def _measured(side: Side, world: str, at_once: Sequence[int]) -> Taken:
    taken: Taken = defaultdict(lambda: defaultdict(list))
    with side:
        for many in at_once:
            for number in range(ROUNDS):
                _round(side, world, many, number, taken)
    return taken


def _round(side: Side, world: str, many: int, number: int, taken: Taken) -> None:
    """The life of so many environments; the update of 8 more often, and once more with an eye on memory."""
    names = [f"{side.name[0]}{many}x{number}x{index}" for index in range(many)]

    def note(what: str, figures: Figures) -> None:
        taken[what][many].append(figures)
        print(f"{world:>20} {side.name:7} {many:3} at once  {what:10} {figures}", flush=True)

    note("create", side.run(names, "apply", "first"))
    updates = ROUNDS_8 if many == 8 and number == 0 else 1
    for turn in range(updates):
        note("update", side.run(names, "apply", f"second-{turn}"))
    note("no change", side.run(names, "plan", f"second-{updates - 1}"))
    if number == 0:
        note("memory", side.run(names, "apply", "third", watch=True))
    note("destroy", side.run(names, "destroy", "first"))


def _medians(taken: Taken) -> dict[str, dict[int, dict[str, float]]]:
    return {what: {many: Figures.median(each) for many, each in by_many.items()} for what, by_many in taken.items()}


def _ratios(found: dict[str, Any], at_once: Sequence[int]) -> dict[str, float]:
    """What was said as aims, and the same for every other number at once."""
    bare, shared = found["bare"], found["shared"]
    ratios = {}
    for many in at_once:
        for what, kinds in {
            "update": ("wall", "cpu"),
            "no change": ("wall",),
            "create": ("wall",),
            "destroy": ("wall",),
        }.items():
            for kind in kinds:
                name = f"{what}, {many}: {kind}" if what != "update" else f"update of {many}: {kind}"
                ratios[name] = round(shared[what][many][kind] / bare[what][many][kind], 4)
        for kind in ("rss", "pss"):
            ratios[f"update of {many}: {kind}"] = round(shared["memory"][many][kind] / bare["memory"][many][kind], 4)
        ratios[f"create of {many} against one: wall"] = round(
            shared["create"][many]["wall"] / statistics.median([shared["create"][min(at_once)]["wall"]]), 4
        )
    return ratios


if __name__ == "__main__":
    sys.exit(main())
