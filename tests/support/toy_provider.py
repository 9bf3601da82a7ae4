"""A mirror with a provider that is only a small file: an engine installs and checks it, and never starts it."""

from __future__ import annotations

from pathlib import Path

from butai.terraform.machine import this_platform

TYPE = "butai-tests/toy"


def toy_mirror(folder: Path, host: str, *versions: str) -> Path:
    """An unpacked mirror with these versions of it."""
    for version in versions:
        package = toy_package(folder, host, version)
        package.mkdir(parents=True)
        binary = package / f"terraform-provider-toy_v{version}"
        binary.write_text(f"#!/bin/sh\n# {version}\n")
        binary.chmod(0o755)
        (package / "LICENSE.txt").write_text("Nobody's.\n")
        (package / "docs").mkdir()
        (package / "docs" / "a.md").write_text("")
    return folder


def toy_package(mirror: Path, host: str, version: str) -> Path:
    """The folder of one version."""
    return mirror / host / TYPE / version / this_platform()


def toy_root(constraint: str = "", name: str = "toy") -> str:
    """The text that requires it."""
    version = f'\n      version = "{constraint}"' if constraint else ""
    return (
        f'terraform {{\n  required_providers {{\n    {name} = {{\n      source = "{TYPE}"{version}\n    }}\n  }}\n}}\n'
    )
