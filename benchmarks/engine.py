"""Engine runs of many environments at once: with providers that they share, against bare Terraform doing the same.

    make bench-engine        # prints one JSON object last; writes benchmarks/results/engine.json

BENCH_AT_ONCE (1,4,8,16), BENCH_ROUNDS (3) and BENCH_ROUNDS_8 (5, the update of 8) say how much. Each figure is taken twice:
as it is, and with 80 ms and a limit of 50 a second for every call to AWS. Every environment has its name in `default_tags`,
as most teams have it, and so a provider process of its own; "one configuration" is eight environments without that.
Both sides start from a folder in which `init` was done, and take turns; local states; the emulated AWS is counted on neither
side, but what it takes of the two cores is in both walls. CPU and memory of the shared side include the provider host and its
providers. Memory is measured in rounds of its own: looking at it takes time.
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
        bare, shared = (
            Bare(Path(folder) / "bare", endpoint, provider),
            Shared(Path(folder) / "shared", endpoint, provider),
        )
        with bare, shared:
            taken = _measured([bare, shared], world, at_once)
        return {name: _medians(of) for name, of in taken.items()}


def _told_apart(ratios: Mapping[str, float]) -> dict[str, float]:
    return {f"{name}, {ALIKE}": each for name, each in ratios.items() if name.startswith(("update", "no change"))}


def _measured(sides: Sequence[Side], world: str, at_once: Sequence[int]) -> dict[str, Taken]:
    taken: dict[str, Taken] = {side.name: defaultdict(lambda: defaultdict(list)) for side in sides}
    for many in at_once:
        for number in range(ROUNDS):
            _round(sides, world, many, number, taken)
    return taken


def _round(sides: Sequence[Side], world: str, many: int, number: int, taken: dict[str, Taken]) -> None:
    """The life of so many environments; the update of 8 more often, and once more with an eye on memory.

    Both sides do each step before the next one: how fast a machine is changes within minutes.
    """

    def both(what: str, command: str, image: str, *, watch: bool = False) -> None:
        for side in sides:
            names = [f"{side.name[0]}{many}x{number}x{index}" for index in range(many)]
            figures = side.run(names, command, image, watch=watch)
            taken[side.name][what][many].append(figures)
            print(f"{world:>20} {side.name:7} {many:3} at once  {what:10} {figures}", flush=True)

    both("create", "apply", "first")
    updates = ROUNDS_8 if many == 8 and number == 0 else 1
    for turn in range(updates):
        both("update", "apply", f"second-{turn}")
    both("no change", "plan", f"second-{updates - 1}")
    if number == 0:
        both("memory", "apply", "third", watch=True)
    both("destroy", "destroy", "first")


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
