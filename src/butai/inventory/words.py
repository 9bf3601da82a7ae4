"""Words that stay translatable where they are kept, and why something failed in such words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, PlainSerializer, PlainValidator, SerializationInfo, WithJsonSchema

from butai.text import restored, stored


def _in(words: Any) -> str:
    return restored(str(words["words"]), words["text"]) if isinstance(words, dict) else words if words else ""


def _out(words: str, info: SerializationInfo) -> Any:
    kept = stored(words) if info.context == KEPT else None
    return {"words": str(words), "text": kept} if kept else str(words)


KEPT = "kept"
Words = Annotated[str, PlainValidator(_in), PlainSerializer(_out), WithJsonSchema({"type": "string"})]
"""A text that stays translatable where it is kept; plain English words for everybody else."""


class FailureView(BaseModel):
    """Why the last look came to nothing."""

    at: datetime
    what: Words
    why: Words
    next: Words
