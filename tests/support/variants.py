"""What a long story is told on: `make test` takes the first of each, `make test-all` every one."""

from __future__ import annotations

import pytest

again = pytest.mark.again

SQLITE_FIRST = ["sqlite", pytest.param("postgresql", marks=again)]
POSTGRESQL_FIRST = ["postgresql", pytest.param("sqlite", marks=again)]
LOCKFILE_FIRST = ["lockfile", pytest.param("table", marks=again)]
