"""What was read of a repository's files, kept on this disk for the next time: unchanged files are not parsed again.

A file here holds plain data, and what it holds is only ever what its reader would read anew: it is bound to the reader's own
source, and carries a checksum. One that is broken, old or gone costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgpack

from butai.datafolder import write_private
from butai.inventory import packed
from butai.inventory.packed import pack, unpack
from butai.inventory.reading import no_collecting
from butai.terraform import hcl_syntax
from butai.terraform.hcl_blocks import Parsed

MOST_BYTES: Final = 512 * 1024**2
"""What all repositories may take together; those not used for longest go first."""
_PARTS: Final = ("tree-sitter", "tree-sitter-hcl", "PyYAML", "msgpack")
_HASH: Final = 32


@contextlib.contextmanager
def kept(folder: Path, repository: Path, most_bytes: int = MOST_BYTES) -> Iterator[dict[str, Parsed]]:
    """What is known of a repository's files, as `read_graph` takes it and leaves it. Written again where it became another.

    `repository`: its whole path, by which what is known of it is found in `folder`. No disk makes it fail.
    Two at once do each other no harm: the later one's is kept, whole.
    """
    name = hashlib.sha256(os.fsencode(repository)).hexdigest()
    file = folder / f"{name[:32]}.parsed"
    with no_collecting():
        found = _load(file)
    before = set(found)
    yield found
    # A broken file is read every time, for what is to be said about it.
    if {key for key, each in found.items() if each.problem is None} != before:
        # A full disk, or one that cannot be written to: the files are read anew then.
        with contextlib.suppress(OSError), no_collecting():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _save(file, found, most_bytes)
            _tidy(folder, most_bytes)


def _load(file: Path) -> dict[str, Parsed]:
    try:
        content = file.read_bytes()
        if content[:_HASH] != _reader() or content[_HASH : 2 * _HASH] != hashlib.sha256(content[2 * _HASH :]).digest():
            return {}
        entries = msgpack.unpackb(content[2 * _HASH :])
        found = {key: unpack(each) for key, each in entries.items()}
        os.utime(file)
    except (OSError, ValueError, TypeError, msgpack.UnpackException):
        return {}
    return found


def _save(file: Path, found: Mapping[str, Parsed], most_bytes: int) -> None:
    entries = {key: pack(each, is_json=key.endswith(" True")) for key, each in found.items()}
    payload: bytes = msgpack.packb({key: each for key, each in entries.items() if each is not None})
    if len(payload) <= most_bytes:
        write_private(file, _reader() + hashlib.sha256(payload).digest() + payload)


def _tidy(folder: Path, most_bytes: int) -> None:
    entries = sorted(((each.stat(), each) for each in folder.iterdir()), key=lambda each: -each[0].st_mtime)
    total = 0
    for status, file in entries:
        total += status.st_size
        if total > most_bytes:
            file.unlink(missing_ok=True)


@cache
def _reader() -> bytes:
    """A hash of all that decides what is read out of a file's bytes."""
    versions = [sys.version, *(f"{part} {version(part)}" for part in _PARTS)]
    said = hashlib.sha256("\n".join(versions).encode())
    sources = sorted(Path(hcl_syntax.__file__).parent.glob("hcl*.py"))
    for each in [*sources, Path(packed.__file__), Path(__file__)]:
        said.update(each.read_bytes())
    return said.digest()
