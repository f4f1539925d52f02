"""What the page looks like: its templates, and the files that a browser fetches beside it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePath
from urllib.parse import quote

import jinja2
from fastapi import Request
from fastapi.responses import Response

from emotionnet.evaluation.rendering import environment
from emotionnet.inference.results import domain_note

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOREVER = "private, max-age=31536000, immutable"  # an asset's address holds the hash of what it says


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    content: bytes
    kind: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """All static files, by name; there are few, so that no path is ever looked up on the disk."""
    found = {}
    for file in resources.files("emotionnet.apps.serve").joinpath("static").iterdir():
        kind = KINDS.get(PurePath(file.name).suffix)
        if kind is not None:
            content = file.read_bytes()
            found[file.name] = Asset(
                content, f"{kind}; charset=utf-8", hashlib.sha256(content).hexdigest()[:16]
            )
    return found


def asset_response(name: str, request: Request) -> Response:
    """One static file, or 404."""
    asset = assets().get(name)
    if asset is None:
        return Response("no such file", status_code=404, media_type="text/plain")
    headers = {"ETag": f'"{asset.digest}"', "Cache-Control": _FOREVER}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.kind, headers=headers)


@cache
def template(name: str) -> jinja2.Template:
    """A template of the page."""
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    found = environment("emotionnet.apps.serve", html=True)
    found.filters |= {
        "asset": asset_address,
        "name": lambda path: PurePath(str(path)).name,
        "note": domain_note,
        "percent": percent,
        "quoted": quoted,
        "thousands": lambda number: f"{number:,}",
        "urlencode": lambda text: quote(text, safe=""),
    }
    return found


def asset_address(name: str) -> str:
    """Where a static file is found; another content has another address."""
    return f"/static/{name}?v={assets()[name].digest}"


def percent(share: float) -> str:
    """A probability for people.

    Example:
        >>> percent(0.624), percent(0.004)
        ('62 %', '<1 %')
    """
    return "<1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def quoted(word: str) -> str:
    """A word in the form of a query, in quotes where it needs them.

    Example:
        >>> quoted("joy"), quoted("broken heart")
        ('joy', '"broken heart"')
    """
    return word if re.fullmatch(r'[^\s,":]+', word) else f'"{word.replace(chr(34), "")}"'
