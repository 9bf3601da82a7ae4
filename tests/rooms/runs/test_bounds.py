"""What a container or a service may use is read from its control groups, the narrowest one counting."""

from __future__ import annotations

from pathlib import Path

from butai.runs.bounds import Bounds, bounds

MIB = 2**20


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".", 1)).write_text(content + "\n")


def own(tmp_path: Path, line: str) -> Path:
    (tmp_path / "own").write_text(f"1:name=old:/elsewhere\n{line}\n")
    return tmp_path / "own"


def test_the_narrowest_group_counts(tmp_path: Path) -> None:
    stat = f"anon 5\ninactive_file {100 * MIB}"
    taken = {"memory_current": str(600 * MIB), "memory_stat": stat}
    group(tmp_path / "g" / "team.slice", cpu_max="350000 100000", memory_max=str(2000 * MIB), **taken)
    group(tmp_path / "g" / "team.slice" / "butai.service", cpu_max="max 100000", memory_max="max", **taken)
    found = bounds(tmp_path / "g", own(tmp_path, "0::/team.slice/butai.service"))
    assert found == Bounds(cores=3, memory_mib=2000, left_mib=1500)


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    group(tmp_path / "g", cpu_max="50000 100000", memory_max=str(512 * MIB))
    group(tmp_path / "g", memory_current=str(600 * MIB), memory_stat="anon 1")
    assert bounds(tmp_path / "g", own(tmp_path, "0::/")) == Bounds(cores=1, memory_mib=512, left_mib=0)


def test_without_groups_there_are_no_bounds(tmp_path: Path) -> None:
    assert bounds(tmp_path, tmp_path / "none") == Bounds()
    assert bounds(tmp_path, own(tmp_path, "0::/")) == Bounds()
