"""What a commit must hold to be a blueprint: looked at as a whole, before anything is stored or started."""

from __future__ import annotations

import posixpath
import tempfile
from dataclasses import dataclass
from pathlib import Path

from butai.aws.session import Access
from butai.blueprints.model import FILE_NAME, Blueprint
from butai.blueprints.validate import BlueprintError, check_against_root, parse
from butai.blueprints.yaml_source import Problem
from butai.errors import NotFoundError, WrongUseError, did_you_mean
from butai.git.export import export
from butai.git.locations import redact
from butai.git.repository import Repository
from butai.git.tree import entries_of
from butai.terraform.hcl import Root, read_root, tfvars
from butai.terraform.text import plain
from butai.text import text

LOCK_FILE = ".terraform.lock.hcl"


@dataclass(frozen=True)
class AtCommit:
    """A blueprint at one commit: its `butai.yaml`, its root module, and where both lie in the tree.

    `root_path` is relative to the tree's top (empty for the top itself); `lock_file` is the text of the committed
    dependency lock file, empty when there is none.
    """

    name: str
    commit: str
    root_path: str
    text: str
    blueprint: Blueprint
    root: Root
    lock_file: str

    @property
    def access(self) -> Access:
        """Region, and the profile or role, that the blueprint names."""
        return Access(self.blueprint.region, self.blueprint.profile or "", self.blueprint.role or "")


def look(repository: Repository, commit: str, root_path: str, name: str = "") -> AtCommit:
    """Read a blueprint at a commit. `name` is what it is called here, if that is settled.

    Raises BlueprintError, UnfitTreeError, the reader's HCL error, or WrongUseError with the code `workspace-used`.
    """
    file = f"{root_path}/{FILE_NAME}" if root_path else FILE_NAME
    text = _decoded(repository.read(commit, file), file)
    blueprint = parse(text, file)
    # The whole tree: the root may call modules beside it, and a tree that cannot be exported is found out here.
    with tempfile.TemporaryDirectory(prefix="butai-look-") as folder:
        tree = Path(folder) / "tree"
        export(repository, commit, tree)
        root, set_by_files = read_root(tree / root_path), tfvars(tree / root_path)
        lock = tree / root_path / LOCK_FILE
        lock_file = lock.read_text() if lock.is_file() else ""
    _refuse_workspace(root, root_path, blueprint)
    try:
        check_against_root(blueprint, root, set_by_files)
    except BlueprintError as error:
        # What stands behind a syntax error was not read, and seems to be missing.
        raise _unread(root, root_path) or error from None
    _refuse_nameless(root, file, blueprint)
    return AtCommit(name, commit, root_path, text, blueprint, root, lock_file)


def find_root(repository: Repository, commit: str, below: str = "", local: Path | None = None) -> str:
    """The folder that holds the one `butai.yaml` of a commit, relative to the tree's top.

    `below` is the folder that a person pointed at, if it was not the top; `local` the working tree on this machine, to
    tell a file that was not written from one that was not committed.
    """
    found = [_folder(entry.path) for entry in entries_of(repository, commit) if Path(entry.path).name == FILE_NAME]
    if below:
        found = [root for root in found if root == below or root.startswith(f"{below}/")]
    if len(found) == 1:
        return found[0]
    place = plain(redact(repository.location))
    if found:
        raise WrongUseError(
            text(
                "{place} holds several {file}: {folders}.",
                place=place,
                file=FILE_NAME,
                folders=", ".join(plain(root or ".") for root in found),
            ),
            next=text("Say which with `--root FOLDER`."),
            where="root",
            code="several-roots",
        )
    if local and any((local / below).glob(f"**/{FILE_NAME}")):
        raise NotFoundError(
            text("{file} is not committed at {commit}.", file=FILE_NAME, commit=commit[:7]),
            why=text("Butai reads commits, never the working tree."),
            next=text("`git add {file}`, commit, and add the blueprint again.", file=FILE_NAME),
            code="not-committed",
        )
    raise NotFoundError(
        text("There is no {file} in {place} at {commit}.", file=FILE_NAME, place=place, commit=commit[:7]),
        next=text("Go to the root module's folder, write a first one with `butai init`, and commit it."),
        code="no-butai-yaml",
    )


def check_root(repository: Repository, commit: str, root: str) -> str:
    """A root folder that a person named, relative to the tree's top. Raises when it holds no `butai.yaml`."""
    wanted = "/".join(part for part in root.split("/") if part not in ("", "."))
    known = [_folder(entry.path) for entry in entries_of(repository, commit) if Path(entry.path).name == FILE_NAME]
    if wanted not in known:
        hint = did_you_mean(wanted, [folder or "." for folder in known])
        raise NotFoundError(
            text("There is no {file} in `{root}` at {commit}.", file=FILE_NAME, root=plain(root), commit=commit[:7]),
            next=hint or text("Write one with `butai init`, and commit it."),
            where="root",
            code="no-butai-yaml",
        )
    return wanted


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BlueprintError([Problem(file, line, 1, text("The file is not UTF-8."))]) from error


def _in_tree(root_path: str, file: str) -> str:
    """A file that is named from the root's folder (`../modules/x.tf` too), as named from the tree's top."""
    return posixpath.normpath(posixpath.join(root_path, file))


def _unread(root: Root, root_path: str) -> BlueprintError | None:
    found = [
        Problem(
            _in_tree(root_path, problem.file),
            problem.line,
            problem.column,
            text("This is not HCL: {problem}.", problem=problem.what),
        )
        for problem in root.problems
    ]
    return BlueprintError(found) if found else None


def _refuse_nameless(root: Root, file: str, blueprint: Blueprint) -> None:
    """Workspaces can do without a variable for the name only where the root reads which one it is in."""
    if blueprint.environment_variable or root.workspace_uses or root.problems:
        return
    raise WrongUseError(
        text("Nothing in this root takes the environment's name."),
        why=text("It reads no `terraform.workspace`, and `environment_variable` is missing in {file}.", file=file),
        next=text("Name the variable that takes it under `environment_variable`."),
        where=file,
        code="no-name-taken",
    )


def _refuse_workspace(root: Root, root_path: str, blueprint: Blueprint) -> None:
    if not root.workspace_uses or blueprint.has_workspaces:
        return
    places = ", ".join(_in_tree(root_path, use.where) for use in root.workspace_uses)
    raise WrongUseError(
        text("The root reads `terraform.workspace`."),
        why=text(
            "Butai gives every environment a state of its own, always in the workspace `default`: "
            "all environments would get the same names. Read at {places}.",
            places=places,
        ),
        next=text(
            "Use `var.{variable}` instead, or keep states as workspaces of your own S3 backend: `state: s3: key` in {file}.",
            variable=blueprint.environment_variable or "environment",
            file=FILE_NAME,
        ),
        where=places.split(", ")[0],
        code="workspace-used",
    )
