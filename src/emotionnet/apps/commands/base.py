"""The program itself, and what the options of several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter, validators

from emotionnet import __version__

Split = Literal["train", "val", "test"]
Options = Annotated[dict[str, Any], Parameter(parse=False)]
Count = Annotated[int, Parameter(validator=validators.Number(gte=1))]

app = App(
    name="emotionnet",
    help="Learn visual emotion representations from web-tagged images, measure them, put them to use.",
    version=__version__,
    help_format="plaintext",
)


def print_run(run: Path) -> None:
    """The scores of a run that was just trained."""
    from emotionnet.apps.output import print_result
    from emotionnet.runs import read_metrics
    from emotionnet.training.joining import launched

    if launched().writes:
        print_result({"run": str(run), **read_metrics(run)})
