"""The command line's side of the public API."""

from __future__ import annotations

import getpass
import json
from typing import Any

import httpx

from butai.datafolder import DataFolder
from butai.errors import ButaiError, Exit, MissingPartError, NotLoggedInError
from butai.settings import Settings

TIMEOUT_S = 120.0


class ApiError(ButaiError):
    """An error that the server answered with, in its own words."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(
            str(body.get("what", f"The server answered {status}.")),
            why=str(body.get("why", "")),
            next=str(body.get("next", "")),
            where=str(body.get("where", "")),
            code=str(body.get("code", "failed")),
        )
        self.status = status
        self.exit = _EXITS.get(status, Exit.FAILED)


_EXITS = {401: Exit.NOT_LOGGED_IN, 404: Exit.WRONG_USE, 409: Exit.REFUSED, 422: Exit.WRONG_USE, 423: Exit.REFUSED}


class Api:
    """JSON in, JSON out. Every failure is a ButaiError."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json", "X-Butai-User": _user()}
        # Without TLS nothing is verified, and the list of authorities need not be read.
        sure = httpx.URL(url).scheme == "https"
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False, verify=sure)

    def get(self, path: str, **params: Any) -> Any:
        """Read."""
        return self._ask("GET", path, params=_given(params))

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """Do."""
        return self._ask("POST", path, json=body, params=_given(params))

    def patch(self, path: str, body: Any, **params: Any) -> Any:
        """Change."""
        return self._ask("PATCH", path, json=body, params=_given(params))

    def delete(self, path: str, **params: Any) -> Any:
        """Remove."""
        return self._ask("DELETE", path, params=_given(params))

    def download(self, path: str, **params: Any) -> bytes:
        """Read, as it is."""
        return bytes(self._send("GET", path, params=_given(params)).content)

    def _ask(self, method: str, path: str, **kwargs: Any) -> Any:
        answer = self._send(method, path, **kwargs)
        return _json(answer)

    def _send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            raise MissingPartError(
                f"No server answers at {self.url}.",
                why=type(error).__name__,
                next="Start one with `butai serve` (and `butai worker`), or `butai demo`.",
                code="no-server",
            ) from error
        if answer.is_success:
            return answer
        body = _json(answer)
        raise ApiError(answer.status_code, (body or {}).get("error", {}) if isinstance(body, dict) else {})


def connect(settings: Settings) -> Api:
    """The server of the settings: `BUTAI_URL`, else the one that runs on the data folder."""
    data = DataFolder(settings.data)
    url = settings.url
    if not url:
        try:
            url = str(json.loads(data.server_file.read_text())["url"])
        except (FileNotFoundError, ValueError, KeyError) as error:
            raise MissingPartError(
                f"No server runs on {data.path}.",
                next="Start one with `butai serve`, or name another data folder (`--data`) or server (BUTAI_URL).",
                code="no-server",
            ) from error
    if not data.cli_key.exists():
        raise NotLoggedInError(
            f"There is no key in {data.path}.", next="Use the data folder of the server: `--data FOLDER`."
        )
    return Api(url, data.cli_secret())


def path_to(name: str) -> str:
    """The path of an environment in the API, by its name or BLUEPRINT/NAME."""
    return f"/api/v1/environments/{name.rpartition('/')[2]}"


def blueprint_of(name: str) -> str | None:
    """The blueprint that was said before the name, if any."""
    return name.rpartition("/")[0] or None


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json() if answer.content else None
    except json.JSONDecodeError:
        return None


def _user() -> str:
    try:
        # Header values are ASCII.
        return getpass.getuser().encode("ascii", "replace").decode()
    except (KeyError, OSError):
        return ""


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
