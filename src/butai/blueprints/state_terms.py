"""What `butai.yaml` may say about where states lie, and what all its parts are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from butai.text import text

REGION = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"
BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
KEY_PREFIX = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"
# Some letter in every part: a part of dots alone is no part.
PART = r"[A-Za-z0-9_.:-]*[A-Za-z0-9_:-][A-Za-z0-9_.:-]*"
KEY = rf"^{PART}(/{PART})*$"

STATE_WORDS = {
    REGION: text("must be a region such as `ap-northeast-1`"),
    BUCKET: text("must be the name of a bucket"),
    KEY_PREFIX: text("must be a key's beginning such as `staging/butai`, without a slash at either end"),
    KEY: text("must be a key such as `staging/terraform.tfstate`, without a slash at either end"),
}


def shaped(pattern: str, max_length: int = 200) -> StringConstraints:
    """A text of a pattern, and not too long."""
    return StringConstraints(pattern=pattern, max_length=max_length)


class Part(BaseModel):
    """What every part of `butai.yaml` has: strict, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_name=True, validate_by_alias=True)


class S3State(Part):
    """The team's own S3 backend. Every environment has its state under a key of its own, key_prefix/ENVIRONMENT.tfstate,
    or with `key` in a workspace of its own, workspace_key_prefix/ENVIRONMENT/key."""

    bucket: Annotated[str, shaped(BUCKET)] = Field(description="The bucket; it is there already.")
    key_prefix: Annotated[str, shaped(KEY_PREFIX, 500)] | None = Field(
        default=None, description="Beginning of every key; not with key."
    )
    key: Annotated[str, shaped(KEY, 500)] | None = Field(
        default=None, description="The backend's key: each environment is a workspace of its name, terraform.workspace."
    )
    workspace_key_prefix: Annotated[str, shaped(KEY, 200)] | None = Field(
        default=None, description="With key: beginning of the workspaces' keys; else env:."
    )
    region: Annotated[str, shaped(REGION)] | None = Field(
        default=None, description="The bucket's, else the blueprint's."
    )
    use_lockfile: bool = Field(default=False, description="Lock by a file beside the state (engines since 1.10).")
    dynamodb_table: Annotated[str, shaped(r"^[A-Za-z0-9_.-]{3,255}$")] | None = Field(
        default=None, description="Lock in this table; not with use_lockfile."
    )
    kms_key_id: Annotated[str, shaped(r"^[A-Za-z0-9:/_-]+$")] | None = Field(
        default=None, description="KMS key to use."
    )
    use_path_style: bool = Field(default=False, description="For servers that speak S3 and have no host per bucket.")

    @model_validator(mode="after")
    def _one_key(self) -> S3State:
        if (self.key_prefix is None) == (self.key is None):
            raise ValueError(text("needs exactly one of `key_prefix` and `key` (then environments are workspaces)"))
        if self.workspace_key_prefix is not None and self.key is None:
            raise ValueError(text("has `workspace_key_prefix`, which goes with `key` only"))
        return self

    @model_validator(mode="after")
    def _one_lock(self) -> S3State:
        if self.use_lockfile == (self.dynamodb_table is not None):
            raise ValueError(
                text("needs exactly one of `use_lockfile: true` and `dynamodb_table`: a state must be locked")
            )
        return self


class StatePlace(Part):
    """Where states lie, when not in Butai's own database."""

    s3: S3State = Field(description="The team's own S3 backend.")
