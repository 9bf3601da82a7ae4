"""The map as one file that needs nothing else: no server, no network, nothing beside it. In every language of the portal."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from butai.inventory.alone import Content, carried
from butai.inventory.groups import GroupKind
from butai.inventory.measures import Figures
from butai.inventory.model import Graph, Kind
from butai.inventory.view import KINDS, Colour
from butai.web.texts import LANGUAGES, translations

_HERE: Final = Path(__file__).parent
_STATIC: Final = _HERE.parent / "web" / "static"
# One after the other as one module: those that others import first.
_SCRIPTS: Final = ("page", "map/drawing", "map/graph", "map/view", "map/layers", "map/shown", "map/alone")
_BORDERS: Final = re.compile(r"^(?:import .*|export (?=\w))", re.M)


def page(
    graph: Graph, on: date, content: Content | None = None, figures: Mapping[Colour, Figures] | None = None
) -> str:
    """The whole page. `on`: the day that it is of. `content`: where source lines come from, if they shall be in it.

    `figures`: what else than kinds its colours can say.
    """
    library = _harmless((_STATIC / "vendor" / "cytoscape.min.js").read_text())
    own = _harmless(script(*_SCRIPTS))
    known = {**carried(graph, content, figures or {}), "on": on.isoformat(), "languages": LANGUAGES}
    known["words"] = {each: _words(each) for each in LANGUAGES}
    return (
        _environment("en")
        .get_template("alone.html")
        .render(
            name=graph.repository,
            data=packed(known),
            style=Markup((_STATIC / "butai.css").read_text()),  # noqa: S704 - our own
            library=library,
            script=own,
            # These two scripts and no other, whatever stands in a repository.
            allowed=Markup(" ".join(_hash(each) for each in (library, own))),  # noqa: S704 - a hash
        )
    )


def script(*names: str) -> str:
    """Scripts of ours as one, without what they say of each other."""
    return "\n".join(_BORDERS.sub("", (_STATIC / f"{each}.js").read_text()) for each in names)


def packed(value: Any) -> str:
    """JSON, compressed, in letters that end no element. The same value gives the same letters."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(written.encode(errors="replace"), mtime=0)).decode()


def _words(language: str) -> dict[str, Any]:
    environment = _environment(language)
    named = environment.get_template("words.html").module
    said: dict[str, Any] = json.loads(environment.get_template("alone_words.html").render())
    kinds = {"kind": [*Kind, *GroupKind], "kinds": KINDS, "colour": list(Colour), "measure": list(Colour)[1:]}
    return {
        **said,
        **{name: {each: str(getattr(named, name)(each)).strip() for each in all_} for name, all_ in kinds.items()},
    }


def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    return environment


def _harmless(script: str) -> Markup:
    """A script of ours, in which nothing ends its element."""
    return Markup(re.sub(r"</(?=script)", r"<\\/", script, flags=re.I))  # noqa: S704 - our own


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
