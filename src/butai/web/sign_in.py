"""Signing in before there is login: a one-time key in the printed address, then a session in a signed cookie."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from butai.datafolder import DataFolder, FolderLock, write_json, write_private

KEY_LIFE_S = 3600
SESSION_LIFE_S = 30 * 24 * 3600


class SignIn:
    """One-time keys and sessions of one data folder. Both survive a restart of the server."""

    def __init__(self, data: DataFolder, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._lock = data.path / "sign-in-keys.json", data.path / "sign-in-keys.lock"
        self._clock = clock
        self._secret = _secret(data.path / "session.key")
        self.cli_key = data.cli_secret()

    def address(self, url: str) -> str:
        """An address that signs one browser in, once, within an hour."""
        key = secrets.token_urlsafe(24)
        lock = self._locked()
        try:
            keys = self._living()
            write_json(self._keys, {**keys, _digest(key): self._clock() + KEY_LIFE_S})
        finally:
            lock.release()
        return f"{url}/?key={key}"

    def redeem(self, key: str) -> str | None:
        """A new session's cookie for a key that was never used, else none."""
        lock = self._locked()
        try:
            keys = self._living()
            if keys.pop(_digest(key), None) is None:
                return None
            write_json(self._keys, keys)
        finally:
            lock.release()
        session = f"{int(self._clock())}.{secrets.token_urlsafe(18)}"
        return f"{session}.{self._sign('session', session)}"

    def is_session(self, cookie: str) -> bool:
        """Whether the cookie was made here and is not too old."""
        session, _, signature = cookie.rpartition(".")
        if not session or not hmac.compare_digest(signature, self._sign("session", session)):
            return False
        return self._clock() - int(session.split(".")[0]) < SESSION_LIFE_S

    def form_token(self, cookie: str) -> str:
        """The token that forms of this session carry."""
        return self._sign("form", cookie)

    def is_form_token(self, cookie: str, token: str) -> bool:
        """Whether a form of this session carried it."""
        return hmac.compare_digest(token.encode(), self.form_token(cookie).encode())

    def is_cli_key(self, key: str) -> bool:
        """Whether it is the command line's key."""
        return hmac.compare_digest(key.encode(), self.cli_key.encode())

    def _sign(self, use: str, text: str) -> str:
        return hmac.new(self._secret, f"{use}:{text}".encode(), hashlib.sha256).hexdigest()

    def _living(self) -> dict[str, float]:
        try:
            kept: dict[str, float] = json.loads(self._keys.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return {digest: until for digest, until in kept.items() if until > self._clock()}

    def _locked(self) -> FolderLock:
        lock = FolderLock(self._lock)
        while not lock.try_take():
            time.sleep(0.01)
        return lock


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _secret(path: Path) -> bytes:
    if not path.exists():
        write_private(path, secrets.token_bytes(32))
    return path.read_bytes()
