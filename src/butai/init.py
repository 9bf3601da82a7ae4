"""`butai init`: look at a root module and write a first `butai.yaml`, with what was found and what is left to fill in."""

from __future__ import annotations

import os
from pathlib import Path

from butai.blueprints.service import FILE_NAME
from butai.datafolder import write_private
from butai.errors import NotFoundError, RefusedError, WrongUseError
from butai.terminal import print_json, say
from butai.terraform.first_blueprint import first_blueprint
from butai.terraform.hcl import read_root, tfvars
from butai.terraform.inspect import Proposal, propose


def run(folder: Path, *, force: bool, as_json: bool) -> None:
    """Write the file beside the root; never over one that is there, unless told to. Refused for a root that cannot be used."""
    folder = folder.absolute()
    target = folder / FILE_NAME
    proposal = look(folder)
    if target.exists() and not force:
        raise RefusedError(
            f"{target} exists already.", next="Look at it, or write over it with `--force`.", code="file-exists"
        )
    text = first_blueprint(proposal, _name_of(folder), region=os.environ.get("AWS_REGION", ""))
    if proposal.refusals:
        raise WrongUseError(
            "This root cannot be staged as it is; nothing was written.",
            why="\n".join(proposal.refusals),
            next="Change the root as said, then run `butai init` again.",
            where=str(folder),
            code="root-unfit",
        )
    write_private(target, text.encode())
    target.chmod(0o644)
    if as_json:
        print_json({"file": str(target), "text": text, "notes": list(proposal.notes)})
        return
    for line in _found(proposal):
        say(line)
    say(f"\nWrote {target}. Read it, fill in what says FILL-IN, commit it, then: butai blueprint add {folder}")


def look(folder: Path) -> Proposal:
    """What the root in a folder offers. Raises when there is no Terraform in it."""
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.", code="no-folder")
    if not any(any(folder.glob(pattern)) for pattern in ("*.tf", "*.tofu", "*.tf.json")):
        raise NotFoundError(
            f"There is no Terraform in {folder}.",
            next="Go to the folder of the root module (the one in which you run `terraform apply`).",
            code="no-terraform",
        )
    return propose(read_root(folder), tfvars(folder))


def _name_of(folder: Path) -> str:
    """A root called `staging` says little: the folder above it names the product."""
    general = {"staging", "stage", "stg", "dev", "development", "terraform", "infra", "infrastructure", "root"}
    names = [part for part in (folder.name, *reversed(folder.parent.parts)) if part.lower() not in general]
    return names[0] if names and names[0] != os.sep else folder.name


def _found(proposal: Proposal) -> list[str]:
    lines = [f"environment's name: variable {each.name} ({each.where})" for each in proposal.environment[:1]]
    if proposal.workspaces:
        lines += [f"environment's name: its workspace, terraform.workspace ({proposal.workspaces.where})"]
    lines += [f"service {each.name}: {each.address} ({each.where})" for each in proposal.services]
    lines += [f"address: output {each.output} ({each.where})" for each in proposal.urls]
    lines += [f"lease {each.name}: {each.kind} ({each.where})" for each in proposal.leases]
    lines += [f"to fill in: variable {each.name} ({each.where})" for each in (*proposal.defaults, *proposal.secrets)]
    return lines + [f"note: {each}" for each in proposal.notes]
