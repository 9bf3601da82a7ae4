"""What a build on GitHub left of a commit: the file in an artefact of one of its workflow runs.

https://docs.github.com/rest/actions/artifacts and .../workflow-runs, version 2022-11-28.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from butai.errors import ButaiError
from butai.images.rule import GitHubRepository
from butai.text import text

# GitHub's own names, as its programs take them.
TOKEN, API = "GITHUB_TOKEN", "GITHUB_API_URL"
TIMEOUT_S = 20.0
AT_MOST_BYTES = 1_000_000
SHOWN = 5
_GOES_ON = frozenset({"queued", "in_progress", "waiting", "requested", "pending"})


class GitHubError(ButaiError):
    """GitHub does not answer, or not as needed."""

    code = "github"


@dataclass(frozen=True)
class Built:
    """How the builds of a commit stand. `content`: what the artefact's file holds; else the newest run's state and page."""

    content: str | None = None
    goes_on: bool = False
    failed: bool = False
    page: str = ""


class GitHub:
    """One repository's builds. `environ` may hold a token and another address of the API."""

    def __init__(self, repository: GitHubRepository, environ: Mapping[str, str]) -> None:
        base = environ.get(API) or repository.api
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if token := environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        self._name = f"{repository.owner}/{repository.name}"
        self._http = httpx.Client(
            base_url=f"{base.rstrip('/')}/repos/{self._name}", headers=headers, timeout=TIMEOUT_S, follow_redirects=True
        )

    def close(self) -> None:
        """Leave no connection open."""
        self._http.close()

    def built(self, commit: str, artifact: str, file: str) -> Built:
        """What a commit's build left under this name. Raises GitHubError."""
        runs = self._get("/actions/runs", head_sha=commit, per_page=100)["workflow_runs"]
        for run in runs:
            found = self._get(f"/actions/runs/{run['id']}/artifacts", name=artifact, per_page=100)["artifacts"]
            if kept := [each for each in found if not each["expired"]]:
                return Built(self._file(kept[0]["id"], file))
        going = [each for each in runs if each["status"] in _GOES_ON]
        newest: Mapping[str, Any] = (going or runs or [{}])[0]
        failed = bool(runs) and not going and newest.get("conclusion") not in ("success", "skipped", "neutral")
        return Built(None, bool(going), failed, str(newest.get("html_url", "")))

    def newest(self, artifact: str) -> list[str]:
        """The commits that have such an artefact, newest first, in short."""
        found = self._get("/actions/artifacts", name=artifact, per_page=100)["artifacts"]
        commits = [
            str((each.get("workflow_run") or {}).get("head_sha", ""))[:7] for each in found if not each["expired"]
        ]
        return [each for each in dict.fromkeys(commits) if each][:SHOWN]

    def _file(self, artifact_id: int, file: str) -> str:
        content = self._ask(f"/actions/artifacts/{artifact_id}/zip").content
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = [each for each in archive.infolist() if not each.is_dir()]
                chosen = [each for each in names if not file or each.filename == file]
                if len(chosen) == 1 and chosen[0].file_size <= AT_MOST_BYTES:
                    return archive.read(chosen[0]).decode(errors="replace")
        except zipfile.BadZipFile as error:
            raise GitHubError(text("GitHub's artefact is no archive.")) from error
        raise GitHubError(
            text("The artefact has no file `{file}`, or not one file alone.", file=file or "*"),
            next=text("It has: {names}", names=", ".join(each.filename for each in names[:SHOWN]) or "-"),
        )

    def _get(self, path: str, **asked: Any) -> Any:
        return self._ask(path, **asked).json()

    def _ask(self, path: str, **asked: Any) -> httpx.Response:
        try:
            answer = self._http.get(path, params=asked or None)
        except httpx.HTTPError as error:
            raise GitHubError(
                text("GitHub does not answer: {reason}", reason=str(error) or type(error).__name__)
            ) from error
        if answer.is_success:
            return answer
        raise GitHubError(
            text(
                "GitHub refuses to tell about {repository} ({status}).",
                repository=self._name,
                status=answer.status_code,
            ),
            next=text("Give the worker a `{variable}` that may read the repository's actions.", variable=TOKEN),
        )
