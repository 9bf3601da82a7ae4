"""What real `terraform console` makes of expressions, many at a time."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path

_TIMEOUT_S = 120


class Console:
    """The console of a root module in `folder`, which needs no provider."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = folder.parent / f"{folder.name}.tfrc"
        config.write_text("")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.env = {**kept, "TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def answers(self, expressions: Sequence[str]) -> list[str | None]:
        """The JSON of each expression's value, as the engine writes it; none for what it refuses or leaves unknown.

        All are asked in one process. What breaks that for all of them (a text that does not parse) is found by halves.
        """
        file = self.folder / "asked.tf"
        asked = (f"  asked_{number} = try([jsonencode({each})], [])" for number, each in enumerate(expressions))
        file.write_text("\n".join(["locals {", *asked, "}"]))
        names = ", ".join(f"local.asked_{number}" for number in range(len(expressions)))
        # In Base64, since the console has quotation marks and line ends of its own.
        found = self._said(f"base64encode(nonsensitive(jsonencode([{names}])))")
        file.unlink()
        if found is not None:
            return [each[0] if each else None for each in json.loads(b64decode(found.strip('"')))]
        if len(expressions) == 1:
            return [None]
        half = len(expressions) // 2
        return [*self.answers(expressions[:half]), *self.answers(expressions[half:])]

    def _said(self, line: str) -> str | None:
        # A line of its input has at most 64 KiB.
        done = subprocess.run(
            ["terraform", "console"],
            cwd=self.folder,
            env=self.env,
            input=line + "\n",
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        is_value = done.returncode == 0 and "(known after apply)" not in done.stdout
        # Warnings come first.
        return done.stdout.strip().splitlines()[-1] if is_value else None
