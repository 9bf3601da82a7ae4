"""Reading a file of lines while another process writes it."""

from __future__ import annotations

from pathlib import Path

READ_AT_ONCE = 1 << 20


class Follower:
    """Reads complete lines from where it stopped. `offset` (bytes) and `seq` (lines read) are where to go on later."""

    def __init__(self, path: Path, offset: int = 0, seq: int = 0) -> None:
        self.path, self.offset, self.seq = path, offset, seq

    def read(self) -> list[tuple[int, str]]:
        """The next complete lines as (seq from 1, text without its end), about a mebibyte at most; empty: none yet.

        Call it again until it is empty. A line without an end stays unread: it may be half written.
        """
        data = self._bytes()
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [self._numbered(line) for line in whole.split(b"\n")[:-1]]

    def read_last(self) -> list[tuple[int, str]]:
        """What `read` left: a line without an end, to be called when its writer is gone. At most one."""
        data = self._bytes()
        self.offset += len(data)
        return [self._numbered(data)] if data else []

    def _bytes(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(READ_AT_ONCE)
                # One line longer than the limit: take it whole, or nothing would ever be read again.
                return data if b"\n" in data or len(data) < READ_AT_ONCE else data + file.readline()
        except FileNotFoundError:
            return b""

    def _numbered(self, line: bytes) -> tuple[int, str]:
        self.seq += 1
        return self.seq, line.decode(errors="replace").removesuffix("\r")
