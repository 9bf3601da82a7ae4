"""Who asks: until there is login, the name that the command line gives, else the server's own user."""

from __future__ import annotations

import functools
import getpass

from fastapi import Request


def by(request: Request) -> str:
    """Who asks. One shared user until there is login: the name that the command line gives, else the server's own user."""
    return request.headers.get("X-Butai-User", "")[:100] or _server_user()


@functools.cache
def _server_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
