"""Where an environment's state lies: in Butai's own database, or under a key of its own in the team's bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from butai.aws.s3_state import S3Place, S3State
from butai.aws.session import Access
from butai.blueprints.service import AtCommit, Blueprint
from butai.environments import store
from butai.errors import RefusedError
from butai.runs.remote import as_remote
from butai.terraform.state import is_empty
from butai.text import text

OWN = 'terraform {\n  backend "http" {}\n}\n'
# Terraform's own, where the backend names none.
WORKSPACE_KEY_PREFIX = "env:"


def settle_place(session: Session, row: store.Environment, blueprint: Blueprint) -> None:
    """Settle where a new environment's state lies, for its whole life. Refused where another one's lies there."""
    place = place_of(blueprint, row.name)
    if place is None:
        return
    row.state_place, row.state_address = asdict(place), f"s3://{place.path}"
    refuse_shared(session, row)


def refuse_shared(session: Session, row: store.Environment) -> None:
    """Refuse a state that is another living environment's."""
    with session.no_autoflush:
        other = store.with_state_at(session, row.state_address) if row.state_address else None
    if other is not None and other is not row:
        raise RefusedError(
            text("The state of `{other}` lies at {address} already.", other=other.name, address=row.state_address),
            why=text("Two environments on one state would destroy each other's resources."),
            next=text(
                "Give the blueprint `{blueprint}` a `key_prefix` (with workspaces: a `key`) of its own.",
                blueprint=row.blueprint,
            ),
            code="state-address-taken",
        )


def place_of(blueprint: Blueprint, name: str) -> S3Place | None:
    """The place that the blueprint says; none for Butai's own database."""
    if blueprint.state is None:
        return None
    s3 = blueprint.state.s3
    return S3Place(
        bucket=s3.bucket,
        key=s3.key or f"{s3.key_prefix}/{name}.tfstate",
        region=s3.region or blueprint.region,
        dynamodb_table=s3.dynamodb_table or "",
        use_lockfile=s3.use_lockfile,
        kms_key_id=s3.kms_key_id or "",
        use_path_style=s3.use_path_style,
        # No environment can be called `default`, as the workspace is whose state lies elsewhere.
        workspace=name if s3.key else "",
        workspace_key_prefix=(s3.workspace_key_prefix or WORKSPACE_KEY_PREFIX) if s3.key else "",
    )


def workspace_of(place: Mapping[str, Any] | None) -> str:
    """The workspace that an environment is; empty where its state is not one of several under a key."""
    return str(place.get("workspace", "")) if place else ""


def refuse_workspace_root(place: Mapping[str, Any] | None, at: AtCommit) -> None:
    """An environment keeps the place that it was made with: in the workspace `default` every name would be another one."""
    if not at.root.workspace_uses or workspace_of(place):
        return
    raise RefusedError(
        text(
            "The root reads `terraform.workspace` at {commit}, and this environment is no workspace.",
            commit=at.commit[:7],
        ),
        why=text("It was made before the blueprint's environments were workspaces, and keeps its place."),
        next=text("Stay on an earlier commit, or create it anew."),
        code="no-workspace",
    )


def backend_block(place: Mapping[str, Any] | None) -> str:
    """The override file's content. Credentials are none of its business: they are in the engine's environment."""
    if place is None:
        return OWN
    settings = {**place, "workspace": "", "encrypt": True}
    lines = [f"    {name} = {json.dumps(value)}" for name, value in settings.items() if value]
    return "\n".join(["terraform {", '  backend "s3" {', *lines, "  }", "}", ""])


def block_apart(folder: Path) -> str:
    """A state of one run alone, in its folder; a workspace's as well."""
    own = {"path": str(folder / "apart.tfstate"), "workspace_dir": str(folder / "apart.tfstate.d")}
    lines = [f"    {name} = {json.dumps(value)}" for name, value in own.items()]
    return "\n".join(["terraform {", '  backend "local" {', *lines, "  }", "}", ""])


def state_apart(folder: Path, workspace: str = "") -> Path:
    """Where `block_apart` has the state of a workspace."""
    return folder / f"apart.tfstate.d/{workspace}/terraform.tfstate" if workspace else folder / "apart.tfstate"


def remote_of(place: Mapping[str, Any] | None, access: Access) -> dict[str, Any]:
    """What a run is told of it; nothing for Butai's own database."""
    return as_remote(S3Place(**place), access) if place else {}


def refuse_foreign(remote: S3State) -> None:
    """A new environment's key must be free: what lies there with resources in it is somebody's."""
    present = remote.read()
    if present is None or is_empty(present):
        return
    raise RefusedError(
        text("There is a state at s3://{path} already, with resources in it.", path=remote.place.path),
        why=text("A new environment would take them over, and change or destroy them."),
        next=text("Give the blueprint a `key_prefix` (with workspaces: a `key`) of its own, or take another name."),
        code="state-address-taken",
    )
