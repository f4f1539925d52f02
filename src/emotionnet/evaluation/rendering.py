"""How every page of ours is rendered: a missing value is an error, tags leave no blank lines."""

from __future__ import annotations

import jinja2


def environment(package: str, folder: str = "templates", *, html: bool) -> jinja2.Environment:
    """Templates of a package; what goes into them is escaped in HTML and left as it is elsewhere."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, folder),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
