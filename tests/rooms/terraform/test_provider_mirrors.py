"""Finding provider mirrors, the configuration that uses them, and what is said when nothing has a provider."""

from __future__ import annotations

import http.server
import threading
import time
from pathlib import Path

import pytest

from butai.errors import MissingPartError
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.terraform.machine import this_platform
from butai.terraform.providers import (
    Mirrors,
    Package,
    Requirement,
    check,
    cli_config,
    complete_source,
    find_mirrors,
    registry_reachable,
)
from support.tiny_root import TinyRoot

AWS = "registry.terraform.io/hashicorp/aws"
ALONE = {"XDG_DATA_DIRS": "/nonexistent"}


def unpacked(mirror: Path, source: str = AWS, version: str = "5.100.0", platform: str = "") -> Path:
    folder = mirror / source / version / (platform or this_platform())
    folder.mkdir(parents=True)
    return mirror


def packed(mirror: Path, source: str = AWS, version: str = "5.99.1", platform: str = "") -> Path:
    name = Path(source).name
    archive = mirror / source / f"terraform-provider-{name}_{version}_{platform or this_platform()}.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.touch()
    return mirror


def look(tmp_path: Path, env: dict[str, str] | None = None, **more: Path) -> Mirrors:
    return find_mirrors({**ALONE, **(env or {})}, home=tmp_path / "home", roots=[tmp_path / "opt"], **more)


def test_a_folder_two_levels_deep_in_both_layouts(tmp_path: Path) -> None:
    mirror = packed(unpacked(tmp_path / "opt/plugins"))
    found = look(tmp_path)
    assert found.versions(AWS) == ["5.99.1", "5.100.0"]
    assert {each.mirror for each in found.packages} == {mirror}
    assert found.hosts == {"registry.terraform.io"}


def test_a_folder_three_levels_deep_is_not_looked_at(tmp_path: Path) -> None:
    unpacked(tmp_path / "opt/a/b")
    assert look(tmp_path) == Mirrors()


@pytest.mark.parametrize(
    "place",
    ["opt", "home/.terraform.d/plugins", "home/.local/share/terraform/plugins", "home/.local/share/opentofu/plugins"],
)
def test_places(tmp_path: Path, place: str) -> None:
    unpacked(tmp_path / place)
    assert look(tmp_path).versions(AWS) == ["5.100.0"]


def test_xdg_and_the_root_modules_own_folder(tmp_path: Path) -> None:
    unpacked(tmp_path / "data/terraform/plugins", version="5.1.0")
    unpacked(tmp_path / "dirs/terraform/plugins", version="5.2.0")
    unpacked(tmp_path / "root/terraform.d/plugins", version="5.3.0")
    env = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_DATA_DIRS": f"/nonexistent:{tmp_path / 'dirs'}"}
    found = look(tmp_path, env, root_module=tmp_path / "root")
    assert found.versions(AWS) == ["5.1.0", "5.2.0", "5.3.0"]
    assert found.packages[0].version == "5.3.0"


def test_the_named_mirror_comes_first_and_may_be_the_hosts_folder(tmp_path: Path) -> None:
    named = unpacked(tmp_path / "named")
    unpacked(tmp_path / "opt/plugins")
    for value in (named, named / "registry.terraform.io"):
        found = look(tmp_path, {"BUTAI_PROVIDER_MIRROR": str(value)})
        assert found.packages[0].mirror == named
        assert len(found.packages) == 2


def test_a_named_mirror_without_providers_is_an_error(tmp_path: Path) -> None:
    unpacked(tmp_path / "named", platform="plan9_mips")
    with pytest.raises(MissingPartError) as caught:
        look(tmp_path, {"BUTAI_PROVIDER_MIRROR": str(tmp_path / "named")})
    assert (caught.value.code, caught.value.where) == ("mirror-empty", "BUTAI_PROVIDER_MIRROR")


def test_other_platforms_and_other_files_do_not_count(tmp_path: Path) -> None:
    mirror = packed(unpacked(tmp_path / "opt/m", platform="plan9_mips"), platform="plan9_mips")
    packed(mirror, version="latest")
    unpacked(mirror, version="notes")
    (mirror / AWS / "index.json").touch()
    assert look(tmp_path) == Mirrors()


def test_it_is_quick_in_big_trees(tmp_path: Path) -> None:
    for number in range(6_000):
        (tmp_path / "opt" / f"{number:05}").mkdir(parents=True)
    unpacked(tmp_path / "opt/00000")
    # Its own work alone: a busy machine makes anything slow.
    begun = time.process_time()
    look(tmp_path)
    assert time.process_time() - begun < 1


def test_the_configuration(tmp_path: Path) -> None:
    mirrors = Mirrors((Package(AWS, "5.100.0", Path('/m "a"')), Package(AWS, "5.99.0", Path('/m "a"'))))
    assert cli_config(mirrors) == (
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        '    path    = "/m \\"a\\""\n'
        '    include = ["registry.terraform.io/hashicorp/aws"]\n'
        "  }\n"
        "  direct {\n"
        '    exclude = ["registry.terraform.io/hashicorp/aws"]\n'
        "  }\n"
        "}\n"
    )
    assert cli_config(Mirrors()) == "disable_checkpoint = true\n"


def test_a_provider_that_the_mirror_has_too_old_comes_from_the_registry() -> None:
    mirrors = Mirrors((Package(AWS, "5.100.0", Path("/m")),))
    assert "filesystem_mirror" in cli_config(mirrors, [Requirement(AWS, "~> 5.0")])
    assert "filesystem_mirror" not in cli_config(mirrors, [Requirement(AWS, "~> 6.0")])


def test_the_real_engine_takes_the_mirror(tiny: TinyRoot, tmp_path: Path) -> None:
    """It finds the package (and refuses it only because this one is empty), and asks no registry for it."""
    host = tiny.engine.registry_host
    mirror = unpacked(tmp_path / "mirror with blank", source=f"{host}/hashicorp/aws")
    (mirror / host / "hashicorp/aws/5.100.0" / this_platform() / "terraform-provider-aws_v5.100.0").write_text(
        "#!/bin/sh\n"
    )
    (tiny.folder / "aws.tf").write_text(
        'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
    )
    found = find_mirrors({**ALONE, "BUTAI_PROVIDER_MIRROR": str(mirror)}, home=tmp_path / "home", roots=[])
    (tiny.folder / "engine.tfrc").write_text(cli_config(found))
    assert tiny.run(commands.init(tiny.engine)).returncode == 0
    assert "5.100.0" in (tiny.folder / ".terraform.lock.hcl").read_text()


def test_sources(engine: Engine) -> None:
    assert complete_source("aws", "registry.opentofu.org") == "registry.opentofu.org/hashicorp/aws"
    assert complete_source("Hashicorp/AWS", "registry.terraform.io") == AWS
    assert complete_source("example.com/a/b", "registry.terraform.io") == "example.com/a/b"


def test_check_asks_the_registry_only_when_it_must() -> None:
    asked: list[str] = []

    def reachable(host: str) -> bool:
        asked.append(host)
        return host == "registry.terraform.io"

    mirrors = Mirrors((Package(AWS, "5.100.0", Path("/m")),))
    check([Requirement(AWS, ">= 5.0")], mirrors, reachable)
    assert asked == []
    check([Requirement(AWS, "~> 6.0"), Requirement("registry.terraform.io/hashicorp/random")], mirrors, reachable)
    assert asked == ["registry.terraform.io"]
    check([Requirement(AWS, "not a constraint")], mirrors, reachable)
    with pytest.raises(MissingPartError, match=r"example\.com/a/b"):
        check([Requirement("example.com/a/b")], mirrors, reachable)


def test_what_is_said_when_nothing_has_it() -> None:
    mirrors = Mirrors((Package(AWS, "5.100.0", Path("/m")),))
    with pytest.raises(MissingPartError) as caught:
        check([Requirement(AWS, "~> 6.0")], mirrors, lambda _: False)
    error = caught.value
    assert error.code == "provider-missing"
    assert error.what == f"The provider {AWS} ~> 6.0 cannot be had."
    assert error.why == "The mirror has only 5.100.0, and registry.terraform.io cannot be reached."
    assert "BUTAI_PROVIDER_MIRROR" in error.next


def test_reachability_by_a_real_connection() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert registry_reachable({})(f"127.0.0.1:{port}")
        assert registry_reachable({"HTTPS_PROXY": f"http://127.0.0.1:{port}"})("registry.invalid")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert not registry_reachable({})(f"127.0.0.1:{port}")
    assert not registry_reachable({})("registry.invalid")
    assert not registry_reachable({})("127.0.0.1:no-port")
