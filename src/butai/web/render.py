"""Pages out of templates: one environment for all rooms, texts in the asker's language, everything escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from butai.assembly import Butai
from butai.terraform.text import plain
from butai.web.room import Room
from butai.web.texts import LANGUAGE_COOKIE, LANGUAGES, choose_language, translate, translations
from butai.web.times import age, clock_time, full_time, iso_time, local_date, local_time, zone_name

_CODE = re.compile(r"`([^`\n]+)`")
TEMPLATES = Path(__file__).parent / "templates"


class _Compiled(BytecodeCache):
    """Templates that this process has compiled: the same ones serve every language."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill it with what is kept, unless the template's text has changed since."""
        if kept := self._kept.get(bucket.key):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        self._kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class Pages:
    """Renders templates of the frame (`base.html`) and of rooms (`environments/list.html`)."""

    def __init__(self, butai: Butai, rooms: tuple[Room, ...]) -> None:
        self._butai, self._rooms, self._zone = butai, rooms, butai.settings.zone
        folders = {room.name: FileSystemLoader(room.templates) for room in rooms if room.templates}
        loader = ChoiceLoader([FileSystemLoader(TEMPLATES), PrefixLoader(folders)])
        self._environments = {language: self._environment(loader, language) for language in LANGUAGES}

    def html(self, request: Request, name: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A page (or a part of one) in the asker's language."""
        language = language_of(request)
        query = f"?{request.url.query}" if request.url.query else ""
        frame = {
            "rooms": self._groups(),
            # Asked by the frame only: a part of a page costs no question more.
            "figure": self._figure,
            "language": language,
            "languages": LANGUAGES,
            "path": request.url.path,
            # Where a switch of the language leads back to: a page, never the address of a form that was sent.
            "back": request.url.path + query if request.method == "GET" else "/",
            "searched": request.query_params.get("q", ""),
            "zone": zone_name(self._zone),
            "token": getattr(request.state, "form_token", ""),
        }
        template = self._environments[language].get_template(name)
        return HTMLResponse(template.render({**frame, **context}), status_code=status)

    def _environment(self, loader: ChoiceLoader, language: str) -> Environment:
        environment = Environment(
            loader=loader,
            autoescape=True,
            # Names and log lines come from elsewhere: no control code of theirs reaches a page, wherever it is shown.
            finalize=lambda value: plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            bytecode_cache=_COMPILED,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
        environment.filters["localtime"] = lambda at: local_time(at, self._zone, language)
        environment.filters["localdate"] = lambda at: local_date(at, self._zone, language)
        environment.filters["fulltime"] = lambda at: full_time(at, self._zone, language)
        environment.filters["clock"] = lambda at: clock_time(at, self._zone)
        environment.filters["iso"] = iso_time
        environment.filters["translate"] = lambda words: translate(words, language)
        environment.filters["code"] = with_code
        environment.filters["age"] = lambda at: age(at, datetime.now(UTC), language)
        return environment

    def _figure(self, room: Room) -> int | None:
        return room.figure(self._butai) if room.figure else None

    def _groups(self) -> Mapping[str, list[Room]]:
        groups: dict[str, list[Room]] = {}
        for room in self._rooms:
            groups.setdefault(room.group, []).append(room)
        return groups


def with_code(words: str) -> Markup:
    """Foreign or own words for a page: harmless, escaped, and what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(plain(words)))))  # noqa: S704 - escaped before


def language_of(request: Request) -> str:
    """The language to answer in."""
    return choose_language(request.cookies.get(LANGUAGE_COOKIE, ""), request.headers.get("accept-language", ""))


def pages_of(request: Request) -> Pages:
    """The renderer of this application."""
    found: Pages = request.app.state.pages
    return found


def wants_json(request: Request) -> bool:
    """Whether the asker is a program: the API's paths, or JSON asked for and HTML not."""
    accept = request.headers.get("accept", "")
    return request.url.path.startswith("/api/") or ("application/json" in accept and "text/html" not in accept)
