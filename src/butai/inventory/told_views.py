"""States that somebody told of, as pages, API and commands show them and are told of them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from butai.inventory.words import Words


class PlaceRequest(BaseModel):
    """A state that Butai does not keep."""

    place: str = Field(
        default="",
        description="s3://BUCKET/KEY, https://HOST/PATH, or an absolute path of a file on the server; empty: where the "
        "root's own backend says.",
    )
    root: str = Field(default="", description="Folder of the root whose state it is; empty: found out.")
    region: str = Field(default="", description="Where to work, if that is not as the blueprints say.")
    profile: str = Field(default="", description="As whom, if that is not as the blueprints say.")
    role: str = Field(default="", description="ARN of a role to take on, instead of a profile.")
    var_files: list[str] = Field(default=[], description="What sets the root's variables: paths from its folder.")
    secrets: dict[str, str] = Field(
        default={},
        description="Variable: where each look for drift reads its value, ssm:/path or env:NAME (of the worker).",
    )


class ToldView(BaseModel):
    """One of them, as it was read last."""

    place: str
    root: str = Field(description="The folder whose state it is, as told or found out; empty where that is not known.")
    region: str = Field(description="Empty: as the blueprints say.")
    profile: str
    role: str
    var_files: list[str]
    secrets: dict[str, str] = Field(description="References, never values.")
    read_at: datetime | None = Field(description="None where it could never be read.")
    instances: int = Field(description="What it manages.")
    problem: Words = Field(default="", description="Why it could not be read since.")
    why: Words = ""
    next: Words = ""
