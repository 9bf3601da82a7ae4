"""Fetch the browser's libraries from npm by package name and version, checked by hash: `make vendor`.

The pins below are changed by a person, with a commit; `vendored.json` beside the files says what lies there.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "butai" / "web" / "static" / "vendor"


@dataclass(frozen=True)
class Pin:
    """One file of one package."""

    package: str
    version: str
    licence: str
    member: str
    file: str
    sha256: str


PINS = (
    Pin(
        "htmx.org",
        "4.0.1",
        "0BSD",
        "dist/htmx.min.js",
        "htmx.min.js",
        "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    ),
    Pin(
        "htmx.org",
        "4.0.1",
        "0BSD",
        "LICENSE",
        "htmx.LICENSE",
        "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    ),
    Pin(
        "cytoscape",
        "3.35.0",
        "MIT",
        "dist/cytoscape.min.js",
        "cytoscape.min.js",
        "71fa9ebec21a7ca2c40cff6aacc30d1f6464e363662ad4b2c197e1adc770cd94",
    ),
    Pin(
        "cytoscape",
        "3.35.0",
        "MIT",
        "LICENSE",
        "cytoscape.LICENSE",
        "eb319c6e6f233607f71e8e2f450391751883cfc0eeb3ca7ef574c13d1d9c2203",
    ),
)


def main() -> int:
    """Fetch every pin; nothing is written when a hash differs."""
    contents: dict[str, bytes] = {}
    for pin in PINS:
        content = _fetch(pin)
        found = hashlib.sha256(content).hexdigest()
        if found != pin.sha256:
            print(f"{pin.package} {pin.version} {pin.member}: SHA-256 {found}, not {pin.sha256}", file=sys.stderr)
            return 1
        contents[pin.file] = content
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (TARGET / name).write_bytes(content)
    (TARGET / "vendored.json").write_text(json.dumps([asdict(pin) for pin in PINS], indent=2) + "\n")
    return 0


def _fetch(pin: Pin) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"{pin.package}@{pin.version}"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        with tarfile.open(Path(folder) / packed.stdout.strip().splitlines()[-1]) as archive:
            member = archive.extractfile(f"package/{pin.member}")
            assert member is not None
            return member.read()


if __name__ == "__main__":
    sys.exit(main())
