"""A relay between two parts of a stage, whose network can be cut and mended without being root."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

_CHUNK = 65536


class Relay:
    """Takes connections on loopback and passes them on. `target`: a port on loopback, or a unix socket's path."""

    def __init__(self, target: int | Path) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._watch_for = b""
        self._passing = threading.Event()
        self._passing.set()
        self.seen = threading.Event()
        self._listener = _listener(0)
        self.port = int(self._listener.getsockname()[1])
        self._accept()

    def cut(self) -> None:
        """Every connection is reset, every new one refused."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            _shut(self._listener)
        for pair in pairs:
            for each in pair:
                _shut(each)

    def mend(self) -> None:
        """The network is back, at the same address."""
        with self._lock:
            self._listener = _listener(self.port)
        self._accept()

    def stall_answers_after(self, words: bytes) -> None:
        """Once somebody has sent these words they are passed on, and no answer comes back until `flow`."""
        self.seen.clear()
        self._watch_for = words

    def flow(self) -> None:
        """Answers come again."""
        self._watch_for = b""
        self._passing.set()

    def close(self) -> None:
        """Cut for good."""
        self.flow()
        self.cut()

    def _accept(self) -> None:
        threading.Thread(target=self._take, args=(self._listener,), daemon=True).start()

    def _take(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = _connected(self._target)
                except OSError:
                    _shut(near)
                    continue
                with self._lock:
                    self._pairs.append((near, far))
                threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if asking and self._watch_for and self._watch_for in data:
                    self._passing.clear()
                    self.seen.set()
                if not asking:
                    self._passing.wait()
                sink.sendall(data)
        _shut(source)
        _shut(sink)


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    return listener


def _connected(target: int | Path) -> socket.socket:
    if isinstance(target, int):
        return socket.create_connection(("127.0.0.1", target), timeout=None)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(target))
    return connection


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
