"""States at rest: compressed, then encrypted with AES-256-GCM, bound to the environment they belong to."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from butai.datafolder import write_private
from butai.errors import ButaiError, MissingPartError
from butai.text import text

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = b"\x01"


class Seal:
    """One key. `close` makes ciphertext out of a state, `open` the state again.

    `owner` (the environment's id) is authenticated with the content: a row copied to another environment does not open.
    """

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self.fingerprint = hashlib.sha256(b"butai state key" + key).hexdigest()[:16]

    def close(self, content: bytes, *, owner: int) -> bytes:
        """Compress and encrypt."""
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT + nonce + self._aead.encrypt(nonce, zlib.compress(content, 6), str(owner).encode())

    def open(self, sealed: bytes, *, owner: int) -> bytes:
        """Decrypt and expand; refuses content that was changed or belongs to another environment."""
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return zlib.decompress(self._aead.decrypt(nonce, body, str(owner).encode()))
        except InvalidTag as error:
            raise ButaiError(
                text("A stored state cannot be read."),
                why=text("It was encrypted with another key, changed, or belongs to another environment."),
                next=text("Restore the database together with its `state.key`."),
                code="state-unreadable",
            ) from error


def read_key(path: Path) -> bytes | None:
    """The key in the file (32 bytes, base64), or none when there is no file."""
    if not path.exists():
        return None
    try:
        key = base64.urlsafe_b64decode(path.read_bytes().strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise MissingPartError(
            text("{path} is not a key.", path=path),
            why=text("It must hold {size} bytes in base64.", size=KEY_BYTES),
            next=text("Copy `state.key` again from the machine or backup that has it."),
            code="state-key",
        )
    return key


def make_key(path: Path) -> bytes:
    """A new key, written with mode 0600."""
    key = os.urandom(KEY_BYTES)
    write_private(path, base64.urlsafe_b64encode(key) + b"\n")
    return key
