"""CSV as Go reads it: quotation marks only around whole fields, and every line as wide as the first."""

from __future__ import annotations

from butai.terraform.evaluation.values import Refused


def records(text: str) -> list[list[str]]:
    """The lines' fields, empty lines left out. Raises Refused for what is no CSV."""
    text = text.replace("\r\n", "\n")
    reader = _Reader(text[:-1] if text.endswith("\r") else text)
    found: list[list[str]] = []
    while reader.place < len(reader.text):
        if reader.text[reader.place] == "\n":
            reader.place += 1
        else:
            found.append(reader.record())
    if any(len(each) != len(found[0]) for each in found):
        raise Refused
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def record(self) -> list[str]:
        fields = [self.field()]
        while self.text.startswith(",", self.place):
            self.place += 1
            fields.append(self.field())
        if self.place < len(self.text) and self.text[self.place] != "\n":
            raise Refused
        self.place += 1
        return fields

    def field(self) -> str:
        if self.text.startswith('"', self.place):
            return self.quoted()
        ends = [at for each in ",\n" if (at := self.text.find(each, self.place)) >= 0]
        start, self.place = self.place, min(ends, default=len(self.text))
        if '"' in self.text[start : self.place]:
            raise Refused
        return self.text[start : self.place]

    def quoted(self) -> str:
        found = ""
        while True:
            end = self.text.find('"', self.place + 1)
            if end < 0:
                raise Refused
            found += self.text[self.place + 1 : end]
            self.place = end + 1
            if not self.text.startswith('"', self.place):
                return found
            found += '"'
