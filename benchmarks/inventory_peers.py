"""One reading of a folder by another library, in a process of its own: `PYTHON inventory_peers.py LIBRARY FOLDER`.

It runs in the peers' environment, where there is no Butai. Prints one JSON object: CPU seconds up to where the library stands
ready, and what it did.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path


def main(library: str, folder: Path) -> None:
    """Read and say so."""
    read = _READERS[library]()
    ready = resource.getrusage(resource.RUSAGE_SELF)
    done, refused = read(folder)
    print(json.dumps({"ready": ready.ru_utime + ready.ru_stime, "read": done, "refused": refused}))


Reader = Callable[[Path], tuple[int, int]]


def _pygohcl() -> Reader:
    loads = import_module("pygohcl").loads
    return lambda folder: _each_file(folder, loads)


def _python_hcl2() -> Reader:
    loads = import_module("hcl2").loads
    # The first text makes its parser.
    loads("a = 1\n")
    return lambda folder: _each_file(folder, loads)


def _tfparse() -> Reader:
    load = import_module("tfparse").load_from_path
    return lambda folder: _each(roots(folder), lambda root: load(str(root)))


def _each_file(folder: Path, read: Callable[[str], object]) -> tuple[int, int]:
    files = (each for each in folder.rglob("*.tf") if each.is_file())
    return _each(files, lambda file: read(file.read_text(errors="replace")))


def _each(what: Iterable[Path], read: Callable[[Path], object]) -> tuple[int, int]:
    done = refused = 0
    for each in what:
        try:
            read(each)
            done += 1
        except Exception:
            # Every library has its own.
            refused += 1
    return done, refused


def roots(folder: Path) -> list[Path]:
    """The folders that say where their state lies."""
    files = (each for each in folder.rglob("*.tf") if each.is_file())
    return sorted({file.parent for file in files if 'backend "' in file.read_text(errors="replace")})


_READERS: dict[str, Callable[[], Reader]] = {"pygohcl": _pygohcl, "python_hcl2": _python_hcl2, "tfparse": _tfparse}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
