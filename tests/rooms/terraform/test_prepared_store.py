"""The store of prepared folders: whole or not there, nothing used that is not as it was kept, and nothing kept for ever."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from butai.terraform import foldercopy
from butai.terraform.foldercopy import copy_folder
from butai.terraform.packages import LOCK_FILE, dirhash
from butai.terraform.prepared import MIB, PreparedFolders
from support.toy_provider import TYPE, toy_mirror, toy_package

HOST = "registry.terraform.io"
SOURCE = f"{HOST}/{TYPE}"
KEY, ALSO = "a" * 64, "b" * 64


class Made:
    """A root as `init` leaves it, with a linked package, and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self.mirror = toy_mirror(folder / "mirror", HOST, "1.0.0")
        self.package = toy_package(self.mirror, HOST, "1.0.0")
        self.data_folder = self.root / ".terraform"
        self.module("m", "main.tf", "# m\n")
        (self.data_folder / "modules" / "modules.json").write_text("{}")
        (self.data_folder / "terraform.tfstate").write_text("{}")
        self.installed = self.data_folder / "providers" / self.package.relative_to(self.mirror)
        self.installed.parent.mkdir(parents=True)
        self.installed.symlink_to(self.package)
        self.lock = (
            f'provider "{SOURCE}" {{\n  version = "1.0.0"\n  hashes = [\n    "{dirhash(self.package)}",\n  ]\n}}\n'
        )
        (self.root / LOCK_FILE).write_text(self.lock)
        (folder / "store").mkdir()
        self.store = PreparedFolders(folder / "store")

    def module(self, name: str, file: str, content: str) -> None:
        (self.data_folder / "modules" / name).mkdir(parents=True, exist_ok=True)
        (self.data_folder / "modules" / name / file).write_text(content)

    def unpacked(self) -> Path:
        """As from a packed mirror: the package itself is in the folder."""
        self.installed.unlink()
        copy_folder(self.package, self.installed, linked=lambda _: False)
        return self.installed

    def fresh(self, name: str = "fresh") -> Path:
        (self.folder / name).mkdir()
        return self.folder / name

    def left(self) -> list[str]:
        return sorted(each.name for each in self.store.place.iterdir())


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def contents(folder: Path) -> dict[str, str]:
    found = {}
    for place, folders, files in os.walk(folder):
        for path in (Path(place) / each for each in [*folders, *files]):
            shown = str(path.relative_to(folder))
            found[shown] = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
    return found


def test_what_is_kept_is_put_into_another_root(made: Made) -> None:
    assert not made.store.use(KEY, made.fresh()).used
    assert made.store.keep(KEY, ALSO, made.root) and not made.store.keep(KEY, ALSO, made.root)
    for number, key in enumerate([KEY, ALSO]):
        root = made.fresh(f"root-{number}")
        (root / LOCK_FILE).write_text("another one")
        use = made.store.use(key, root, {SOURCE})
        assert use.used and use.why_not is None and contents(root) == contents(made.root)
    assert made.left() == sorted([KEY, ALSO])


def test_what_a_run_writes_into_its_folder_is_its_own(made: Made) -> None:
    """A root may write beside a module's files; a provider's package is the same file, which nobody writes."""
    made.unpacked()
    made.store.keep(KEY, ALSO, made.root)
    root = made.fresh()
    assert made.store.use(KEY, root).used
    for name in (".terraform/modules/m/main.tf", ".terraform/terraform.tfstate", LOCK_FILE):
        with (root / name).open("a") as file:
            file.write("written by the run")
    assert made.store.use(KEY, made.fresh("other")).used
    assert contents(made.folder / "other") == contents(made.root)
    binary = made.installed.relative_to(made.root) / "terraform-provider-toy_v1.0.0"
    places = [made.root / binary, root / binary, made.folder / "other" / binary]
    assert len({each.stat().st_ino for each in places}) in (1, 3), "linked, or reflinked where the file system can"
    assert all(os.access(each, os.X_OK) for each in places)


def test_links_stay_links_and_those_that_lead_out_become_absolute(tmp_path: Path) -> None:
    (tmp_path / "a" / "in").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "a" / "inside").symlink_to("in")
    (tmp_path / "a" / "in" / "outside").symlink_to("../../out")
    (tmp_path / "a" / "absolute").symlink_to(tmp_path / "out")
    (tmp_path / "elsewhere").mkdir()
    copy_folder(tmp_path / "a", tmp_path / "elsewhere" / "b", linked=lambda _: True)
    copied = tmp_path / "elsewhere" / "b"
    assert copied.joinpath("inside").readlink() == Path("in")
    assert copied.joinpath("in", "outside").readlink() == copied.joinpath("absolute").readlink() == tmp_path / "out"


def test_bytes_are_copied_where_nothing_cheaper_works(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(foldercopy, "_reflink", lambda *_: False)
    made.unpacked()
    made.store.keep(KEY, ALSO, made.root)
    assert made.store.use(KEY, made.fresh()).used and contents(made.folder / "fresh") == contents(made.root)


def test_where_the_file_system_can_blocks_are_shared_instead(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel does there is played here: this machine's file system may not know it."""
    asked: list[int] = []

    def clone(copy: int, request: int, original: int) -> None:
        asked.append(request)
        os.write(copy, os.read(original, 1 << 20))

    monkeypatch.setattr(fcntl, "ioctl", clone)
    made.unpacked()
    made.store.keep(KEY, ALSO, made.root)
    assert made.store.use(KEY, made.fresh()).used and contents(made.folder / "fresh") == contents(made.root)
    binary = made.folder / "fresh" / made.installed.relative_to(made.root) / "terraform-provider-toy_v1.0.0"
    assert os.access(binary, os.X_OK) and binary.stat().st_nlink == 1 and set(asked) == {0x40049409}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("binary", "is not the one that the lock file names"),
        ("mirror", "is gone"),
        ("module", "not as they were kept"),
        ("lock", "not as they were kept"),
        ("half", "not as they were kept"),
    ],
)
def test_what_is_not_as_it_was_kept_is_not_used_and_taken_away(made: Made, change: str, words: str) -> None:
    made.store.keep(KEY, ALSO, made.root)
    kept = made.store.place / KEY
    if change == "binary":
        (made.package / "terraform-provider-toy_v1.0.0").write_text("#!/bin/sh\nother\n")
    elif change == "mirror":
        made.mirror.rename(made.folder / "moved")
    elif change == "module":
        (kept / "terraform/modules/m/main.tf").write_text("# other\n")
    elif change == "lock":
        (kept / "lock.hcl").write_text("")
    else:
        (kept / "entry.json").unlink()
    root = made.fresh()
    use = made.store.use(ALSO, root)
    assert not use.used and words in str(use.why_not)
    assert contents(root) == {} and not made.store.has(KEY) and not made.store.has(ALSO)


def test_after_it_was_taken_away_it_is_kept_again(made: Made) -> None:
    made.store.keep(KEY, ALSO, made.root)
    (made.store.place / KEY / "lock.hcl").unlink()
    assert not made.store.use(KEY, made.fresh()).used
    assert made.store.keep(ALSO, ALSO, made.root), "under the name of the link that leads nowhere now"
    assert made.store.use(ALSO, made.fresh("again")).used
    assert made.store.keep(KEY, ALSO, made.root) and made.store.has(KEY)


def test_a_state_that_needs_more_providers_is_no_fault_of_the_folder(made: Made) -> None:
    made.store.keep(KEY, ALSO, made.root)
    use = made.store.use(KEY, made.fresh(), {SOURCE, f"{HOST}/hashicorp/random"})
    assert not use.used and "hashicorp/random" in str(use.why_not) and made.store.has(KEY)


def test_a_copy_that_fails_leaves_nothing(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made.store.keep(KEY, ALSO, made.root)
    root = made.fresh()
    (root / LOCK_FILE).write_text("before")
    monkeypatch.setattr(shutil, "copy2", _full)
    monkeypatch.setattr(foldercopy, "_reflink", lambda *_: False)
    use = made.store.use(KEY, root)
    assert not use.used and "No space left" in str(use.why_not) and contents(root) == {LOCK_FILE: "before"}
    assert made.store.has(KEY)
    with pytest.raises(OSError, match="No space left"):
        made.store.keep("c" * 64, ALSO, made.root)
    assert made.left() == sorted([KEY, ALSO])


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_of_two_at_once_one_keeps_it(made: Made) -> None:
    with ThreadPoolExecutor(8) as several:
        kept = list(several.map(lambda _: made.store.keep(KEY, ALSO, made.root), range(16)))
    assert kept.count(True) == 1 and made.left() == sorted([KEY, ALSO])
    assert made.store.use(KEY, made.fresh()).used


def test_kill_9_in_the_middle_leaves_nothing_half_made(made: Made) -> None:
    for number in range(20):
        made.module(f"n{number}", "main.tf", "")
    code = (
        "import os, sys; from pathlib import Path; from butai.terraform import foldercopy, prepared\n"
        "plain, left = foldercopy.copy_file, int(sys.argv[1])\n"
        "def copy(*given, **more):\n"
        "    global left; left -= 1\n"
        "    if not left: os.kill(os.getpid(), 9)\n"
        "    plain(*given, **more)\n"
        "foldercopy.copy_file = prepared.copy_file = copy\n"
        "prepared.PreparedFolders(Path(sys.argv[2])).keep(sys.argv[3], sys.argv[4], Path(sys.argv[5]))\n"
    )
    for after in (1, 11, 24):
        argv = [sys.executable, "-c", code, str(after), str(made.store.place), KEY, ALSO, str(made.root)]
        assert subprocess.run(argv, check=False).returncode == -9
        assert not made.store.has(KEY) and not made.store.use(KEY, made.fresh(f"after-{after}")).used
    assert len(made.left()) == 3 and all(each.startswith(".new-") for each in made.left())
    made.store.collect(days=7, most_mib=100)
    assert len(made.left()) == 3, "somebody may be making one just now"
    for each in made.store.place.iterdir():
        os.utime(each, (0, time.time() - 2 * 24 * 3600))
    made.store.collect(days=7, most_mib=100)
    assert made.left() == [] and made.store.keep(KEY, ALSO, made.root)


def age(made: Made, key: str, days: float) -> None:
    at = time.time() - days * 24 * 3600
    os.utime(made.store.place / key / "used", (at, at))


def test_what_was_not_used_for_days_goes(made: Made) -> None:
    other = "c" * 64
    for key, also in ((KEY, ALSO), (other, other)):
        made.store.keep(key, also, made.root)
        age(made, key, 8)
    made.store.use(other, made.fresh())
    assert made.store.collect(days=7, most_mib=100) == 1
    assert made.left() == [other], "its other name too"


def test_the_longest_unused_go_where_all_are_too_large(made: Made) -> None:
    made.module("m", "large.tf", "x" * MIB)
    keys = [letter * 64 for letter in "cde"]
    for number, key in enumerate(keys):
        made.store.keep(key, key, made.root)
        age(made, key, number)
    assert made.store.collect(days=7, most_mib=4) == 0
    assert made.store.collect(days=7, most_mib=3) == 1 and made.left() == keys[:2]
    assert made.store.collect(days=7, most_mib=0) == 2 and made.left() == []


def test_nobody_takes_it_away_from_under_a_run(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made.store.keep(KEY, ALSO, made.root)
    age(made, KEY, 8)
    removed: list[int] = []
    plain = foldercopy.copy_file

    def copy(source: Path, target: Path, *, link: bool = False) -> None:
        if not removed:
            removed.append(PreparedFolders(made.store.place).collect(days=7, most_mib=0))
        plain(source, target, link=link)

    monkeypatch.setattr(foldercopy, "copy_file", copy)
    root = made.fresh()
    assert made.store.use(KEY, root).used and removed == [0] and contents(root) == contents(made.root)
    assert made.store.collect(days=7, most_mib=0) == 1
