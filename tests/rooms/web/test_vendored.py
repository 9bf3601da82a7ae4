"""The browser's libraries are exactly those that were looked at: pinned by name, version and hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tools import vendor


def test_committed_files_are_the_pinned_ones() -> None:
    listed = json.loads((vendor.TARGET / "vendored.json").read_text())
    assert listed == [asdict(pin) for pin in vendor.PINS]
    for pin in vendor.PINS:
        assert hashlib.sha256((vendor.TARGET / pin.file).read_bytes()).hexdigest() == pin.sha256, pin.file
    known = {pin.file for pin in vendor.PINS} | {"vendored.json"}
    assert {file.name for file in vendor.TARGET.iterdir()} == known


def test_every_package_comes_with_its_licence() -> None:
    for package in {pin.package for pin in vendor.PINS}:
        assert any(pin.member == "LICENSE" for pin in vendor.PINS if pin.package == package)


def test_another_content_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # npm's answer is replaced: the real one cannot be made to differ from its pin.
    monkeypatch.setattr(vendor, "_fetch", lambda _pin: b"alert(1)")
    monkeypatch.setattr(vendor, "TARGET", tmp_path / "vendor")
    assert vendor.main() == 1
    assert "htmx.org 4.0.1" in capsys.readouterr().err
    assert not (tmp_path / "vendor").exists()
