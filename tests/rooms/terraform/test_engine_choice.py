"""Which engine is chosen, and which are refused.

OpenTofu cannot be had here for every version, so engines other than the real one are scripts that answer `version -json` as
those do (OpenTofu's answer has no `terraform_outdated`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from butai.errors import MissingPartError, RefusedError, WrongUseError
from butai.terraform.engine import Engine, choose, engine_of_lock_file, probe, require_at_least
from butai.terraform.providers import Mirrors, Package

NO_MIRROR = Mirrors()
TERRAFORM_MIRROR = Mirrors((Package("registry.terraform.io/hashicorp/aws", "5.100.0", Path("/m")),))
TOFU_MIRROR = Mirrors((Package("registry.opentofu.org/hashicorp/aws", "5.100.0", Path("/m")),))
TERRAFORM_LOCK = 'provider "registry.terraform.io/hashicorp/aws" {\n  version = "5.100.0"\n}\n'
TOFU_LOCK = TERRAFORM_LOCK.replace("registry.terraform.io", "registry.opentofu.org")


def script(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def fake(folder: Path, name: str, version: str) -> Path:
    outdated = ', "terraform_outdated": true' if name == "terraform" else ""
    return script(folder, name, f"""echo '{{"terraform_version": "{version}"{outdated}}}'""")


@pytest.fixture
def both(tmp_path: Path) -> Path:
    fake(tmp_path / "bin", "terraform", "1.11.4")
    fake(tmp_path / "bin", "tofu", "1.12.5")
    return tmp_path / "bin"


def pick(
    path: Path | str,
    *,
    flag: str | None = None,
    blueprint: str | None = None,
    lock_file: str | None = None,
    mirrors: Mirrors = NO_MIRROR,
    downloaded: Path | None = None,
) -> Engine:
    def download() -> Path:
        assert downloaded, "nothing should be downloaded here"
        return downloaded

    return choose(
        flag=flag, blueprint=blueprint, lock_file=lock_file, search_path=str(path), mirrors=mirrors, download=download
    )


def test_the_real_engine_says_what_it_is(engine: Engine) -> None:
    assert engine.name == engine.path.name
    assert engine.version[0].isdigit()
    assert str(engine).startswith(("Terraform 1.", "OpenTofu 1."))
    assert pick(engine.path.parent, flag=str(engine.path)) == engine


def test_order_of_wishes(both: Path) -> None:
    def name(**wishes: str) -> str:
        return pick(both, **wishes).name  # type: ignore[arg-type]

    assert name(flag="terraform", blueprint="tofu", lock_file=TOFU_LOCK) == "terraform"
    assert name(blueprint="terraform", lock_file=TOFU_LOCK) == "terraform"
    assert name(lock_file=TOFU_LOCK) == "tofu"
    assert name(lock_file=TERRAFORM_LOCK) == "terraform"
    assert name(lock_file=TERRAFORM_LOCK + TOFU_LOCK) == "terraform"
    assert name() == "terraform"


def test_whichever_has_its_providers(both: Path) -> None:
    assert pick(both, mirrors=TOFU_MIRROR).name == "tofu"
    assert pick(both, mirrors=TERRAFORM_MIRROR).name == "terraform"
    both_served = Mirrors(TERRAFORM_MIRROR.packages + TOFU_MIRROR.packages)
    assert pick(both, mirrors=both_served).name == "terraform"


def test_no_engine_at_all_is_downloaded(tmp_path: Path) -> None:
    downloaded = fake(tmp_path / "cache", "tofu", "1.12.5")
    found = pick(tmp_path / "empty", downloaded=downloaded, mirrors=TERRAFORM_MIRROR)
    assert found == Engine("tofu", downloaded, "1.12.5")


def test_only_one_is_there(tmp_path: Path) -> None:
    fake(tmp_path / "bin", "tofu", "1.12.5")
    assert pick(tmp_path / "bin", mirrors=TERRAFORM_MIRROR).name == "tofu"
    with pytest.raises(MissingPartError) as caught:
        pick(tmp_path / "bin", blueprint="terraform")
    assert (caught.value.code, caught.value.where) == ("engine-missing", "butai.yaml: engine")


def test_opentofu_is_wanted_and_missing(tmp_path: Path) -> None:
    fake(tmp_path / "bin", "terraform", "1.11.4")
    downloaded = fake(tmp_path / "cache", "tofu", "1.12.5")
    assert pick(tmp_path / "bin", lock_file=TOFU_LOCK, downloaded=downloaded).path == downloaded


def test_an_unknown_name_and_a_path_that_is_none(both: Path) -> None:
    with pytest.raises(WrongUseError, match="pulumi"):
        pick(both, flag="pulumi")
    with pytest.raises(MissingPartError) as caught:
        pick(both, flag="./not-there")
    assert caught.value.code == "engine-broken"


@pytest.mark.parametrize(
    "body", ["exit 1", "echo no json", "echo '{}'", "echo '[]'", 'echo \'{"terraform_version": "soon"}\'']
)
def test_a_binary_that_does_not_answer(tmp_path: Path, body: str) -> None:
    with pytest.raises(MissingPartError) as caught:
        probe(script(tmp_path / "bin", "terraform", body))
    assert caught.value.code == "engine-broken"
    assert "version -json" in caught.value.why


def test_the_worker_environment_does_not_reach_a_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CLI_ARGS_version", "-help")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    seen = tmp_path / "seen"
    body = f"""env > {seen}; echo '{{"terraform_version": "1.12.5"}}'"""
    assert probe(script(tmp_path / "bin", "tofu", body)).version == "1.12.5"
    assert "hunter2" not in seen.read_text()
    assert "TF_CLI_ARGS" not in seen.read_text()


@pytest.mark.parametrize(
    ("name", "version", "why"),
    [
        ("terraform", "0.15.5", "1.0.0 or newer"),
        ("terraform", "1.1.0", "empty state"),
        ("terraform", "1.1.1", "empty state"),
        ("tofu", "1.6.0-rc1", "1.6.0 or newer"),
    ],
)
def test_engines_that_cannot_be_used(tmp_path: Path, name: str, version: str, why: str) -> None:
    fake(tmp_path / "bin", name, version)
    with pytest.raises(MissingPartError) as caught:
        pick(tmp_path / "bin")
    assert caught.value.code == "engine-too-old"
    assert why in caught.value.why


def test_lock_files() -> None:
    assert engine_of_lock_file("") is None
    assert engine_of_lock_file('provider "example.com/a/b" {}') is None
    assert engine_of_lock_file('# provider "registry.terraform.io/hashicorp/aws" {') is None


def test_an_environment_keeps_its_engine() -> None:
    engine = Engine("terraform", Path("/e"), "1.10.0")
    require_at_least(engine, "terraform", "1.9.8")
    require_at_least(engine, "terraform", "1.10.0")
    with pytest.raises(RefusedError, match=r"older than the version 1\.11\.0") as older:
        require_at_least(engine, "terraform", "1.11.0")
    with pytest.raises(RefusedError, match="made with OpenTofu, not with Terraform") as other:
        require_at_least(engine, "tofu", "1.6.0")
    assert (older.value.code, other.value.code) == ("engine-older", "engine-other")
