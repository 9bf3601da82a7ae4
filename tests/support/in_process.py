"""The server's API without a network in between."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from butai.assembly import Butai
from butai.rooms import ROOMS
from butai.web.app import create_app
from butai.web.sign_in import SignIn


class Api:
    """As commands ask it: httpx' client for an application in the same process."""

    def __init__(self, http: TestClient) -> None:
        self._http = http

    def get(self, path: str, **params: Any) -> Any:
        """The answer."""
        return self._http.get(path, params=params).json()

    def post(self, path: str, body: Any = None) -> Any:
        """The answer."""
        return self._http.post(path, json=body).json()

    def delete(self, path: str) -> None:
        """It is gone."""
        assert self._http.delete(path).status_code == 204


def signed_in(butai: Butai, port: int) -> TestClient:
    """A browser of somebody who is signed in, at a portal that nobody has to start."""
    host, sign_in = f"http://127.0.0.1:{port}", SignIn(butai.data)
    client = TestClient(create_app(butai, ROOMS, sign_in, port), base_url=host)
    client.get(sign_in.address(host))
    return client


def with_key(butai: Butai, port: int) -> TestClient:
    """The same with the key that commands have, so that it may also ask the API to change something."""
    client = signed_in(butai, port)
    client.headers["Authorization"] = f"Bearer {SignIn(butai.data).cli_key}"
    return client
