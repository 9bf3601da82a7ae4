"""Whether a URL answers."""

from __future__ import annotations

import httpx

LOCAL_SUFFIX = ".localhost"


def answer_of(url: str, *, timeout_s: float = 5.0) -> int | None:
    """Status with which the URL answers, redirects not followed; none when nobody answers.

    Names under `.localhost` are this machine by definition (RFC 6761), but not every resolver knows that: they are
    reached on loopback, with the name in the Host header.
    """
    target = httpx.URL(url)
    headers = {"Host": target.netloc.decode()}
    if target.host.endswith(LOCAL_SUFFIX):
        target = target.copy_with(host="127.0.0.1")
    try:
        # The list of authorities takes longer to read than the answer to come, and is asked for every half second.
        sure = target.scheme == "https"
        return httpx.get(target, headers=headers, timeout=timeout_s, trust_env=False, verify=sure).status_code
    except httpx.HTTPError:
        return None
