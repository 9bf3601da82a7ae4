"""Lock files and packages: the hashes are those that the real engine writes for them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from butai.terraform import commands, packages
from butai.terraform.machine import this_platform
from butai.terraform.packages import LOCK_FILE, PackageHashes, dirhash, find_binary, package_folder, read_lock
from butai.terraform.providers import Mirrors, Requirement, cli_config, find_mirrors
from support.tiny_root import TinyRoot
from support.toy_provider import TYPE, toy_mirror, toy_package, toy_root

LOCK = """\
# This file is maintained automatically by "terraform init".
provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = "~> 5.0"
  hashes = [
    "h1:one=",
    "zh:two",
  ]
}
provider "example.com/a/b" {
  version = "1.0.0"
}
"""


class Toy:
    """The real engine with a mirror of a toy provider, after its `init`."""

    def __init__(self, tiny: TinyRoot, folder: Path) -> None:
        self.tiny, self.host = tiny, tiny.engine.registry_host
        self.mirror = toy_mirror(folder / "mirror", self.host, "1.2.0", "1.10.0", "2.0.0")
        self.required = Requirement(f"{self.host}/{TYPE}", "~> 1.0")
        self.mirrors = self.look()
        (tiny.folder / "toy.tf").write_text(toy_root("~> 1.0"))
        (tiny.folder / "engine.tfrc").write_text(cli_config(self.mirrors))
        assert tiny.run(commands.init(tiny.engine)).returncode == 0

    def look(self) -> Mirrors:
        named = {"HOME": "/", "XDG_DATA_HOME": "/x", "XDG_DATA_DIRS": "/x", "BUTAI_PROVIDER_MIRROR": str(self.mirror)}
        return find_mirrors(named, home=Path("/nobody"), roots=[])

    @property
    def lock(self) -> str:
        return (self.tiny.folder / LOCK_FILE).read_text()

    def package(self, version: str = "1.10.0") -> Path:
        return toy_package(self.mirror, self.host, version)


@pytest.fixture
def toy(tiny: TinyRoot, tmp_path: Path) -> Toy:
    return Toy(tiny, tmp_path)


def test_a_lock_file_is_read() -> None:
    found = read_lock(LOCK)
    assert list(found) == ["registry.terraform.io/hashicorp/aws", "example.com/a/b"]
    assert found["registry.terraform.io/hashicorp/aws"].hashes == {"h1:one=", "zh:two"}
    assert (found["example.com/a/b"].version, found["example.com/a/b"].hashes) == ("1.0.0", frozenset())
    assert read_lock("") == read_lock("{{{") == {}


def test_the_hash_is_the_one_that_the_engine_writes(toy: Toy) -> None:
    locked = read_lock(toy.lock)[toy.required.source]
    assert locked.version == "1.10.0" and dirhash(toy.package()) in locked.hashes
    linked = package_folder(toy.tiny.folder / ".terraform", locked)
    assert linked.is_symlink() and dirhash(linked) in locked.hashes
    assert dirhash(toy.package("1.2.0")) not in locked.hashes


def test_the_hash_of_the_real_provider_is_the_one_in_a_real_lock_file(tiny: TinyRoot) -> None:
    """And it is read once: afterwards a look at the files' times is enough."""
    mirrors = find_mirrors(os.environ, home=Path.home())
    source = f"{tiny.engine.registry_host}/hashicorp/aws"
    if not mirrors.versions(source):
        pytest.skip("no mirror with the AWS provider on this machine")
    (tiny.folder / "aws.tf").write_text(
        'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
    )
    (tiny.folder / "engine.tfrc").write_text(cli_config(mirrors))
    assert tiny.run(commands.init(tiny.engine)).returncode == 0
    locked = read_lock((tiny.folder / LOCK_FILE).read_text())[source]
    assert PackageHashes(tiny.folder / "known.json").agree(package_folder(tiny.folder / ".terraform", locked), locked)


def test_a_hash_is_computed_once_for_a_version_of_the_files(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(folder: Path) -> str:
        read.append(folder)
        return dirhash(folder)

    monkeypatch.setattr(packages, "dirhash", counted)
    known = tmp_path / "cache" / "packages.json"
    locked = read_lock(toy.lock)[toy.required.source]
    assert all(PackageHashes(known).agree(toy.package(), locked) for _ in range(3)) and len(read) == 1
    known.write_text("{ half")
    assert PackageHashes(known).agree(toy.package(), locked) and len(read) == 2
    shutil.rmtree(toy.package("2.0.0"))
    PackageHashes(known).of(toy.package("1.2.0"))
    assert len(json.loads(known.read_text())) == 2
    assert PackageHashes().agree(toy.package(), locked) and len(read) == 4, "nothing remembered"


@pytest.mark.parametrize("change", ["binary", "more", "fewer", "gone", "unreadable hashes"])
def test_a_package_that_was_changed_is_not_the_locked_one(toy: Toy, tmp_path: Path, change: str) -> None:
    hashes, locked = PackageHashes(tmp_path / "packages.json"), read_lock(toy.lock)[toy.required.source]
    binary = toy.package() / "terraform-provider-toy_v1.10.0"
    assert hashes.agree(toy.package(), locked)
    if change == "binary":
        binary.write_text("#!/bin/sh\nexit 1\n")
    elif change == "more":
        (toy.package() / "more").touch()
    elif change == "fewer":
        (toy.package() / "LICENSE.txt").unlink()
    elif change == "gone":
        shutil.rmtree(toy.package())
    else:
        locked = packages.Locked(locked.source, locked.version, frozenset({"zh:abc"}))
    assert not hashes.agree(toy.package(), locked)


def test_the_binary_is_the_locked_one_wherever_it_lies(toy: Toy) -> None:
    hashes, data_folder = PackageHashes(), toy.tiny.folder / ".terraform"
    for folder in (None, data_folder):
        found = find_binary(toy.required, toy.lock, toy.mirrors, hashes, folder)
        assert found and (found.version, found.path) == ("1.10.0", toy.package() / "terraform-provider-toy_v1.10.0")
        assert found.digest == dirhash(toy.package()) and os.access(found.path, os.X_OK)
    (toy.package() / "more").touch()
    assert find_binary(toy.required, toy.lock, toy.mirrors, hashes, data_folder) is None
    other = toy.lock.replace(toy.required.source, "example.com/a/b")
    assert find_binary(toy.required, other, toy.mirrors, hashes) is None, "the lock file does not name it"


def test_without_a_lock_file_it_is_what_init_takes(toy: Toy) -> None:
    found = find_binary(toy.required, "", toy.mirrors, PackageHashes())
    assert found and found.version == "1.10.0" and "1.10.0" in toy.lock
    newest = find_binary(Requirement(toy.required.source), "", toy.mirrors, PackageHashes())
    assert newest and newest.version == "2.0.0"
    for constraint in ("~> 3.0", "no constraint"):
        assert find_binary(Requirement(toy.required.source, constraint), "", toy.mirrors, PackageHashes()) is None
    archive = toy.mirror / toy.required.source / f"terraform-provider-toy_1.11.0_{this_platform()}.zip"
    archive.write_bytes(b"")
    assert find_binary(toy.required, "", toy.look(), PackageHashes()) is None, "the newest one is packed"
    (toy.package("2.0.0") / "terraform-provider-toy_v2.0.0").chmod(0o644)
    assert find_binary(Requirement(toy.required.source, "2.0.0"), "", toy.mirrors, PackageHashes()) is None
