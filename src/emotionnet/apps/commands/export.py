"""A RUN as a MODEL that runs without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from emotionnet.apps.commands.base import Count, app
from emotionnet.inference.exported import Form
from emotionnet.records import DataError


@app.command
def export(  # noqa: PLR0913
    run: str,
    /,
    *,
    out: Path,
    form: Annotated[Form, Parameter(name="--format")] = "openvino",
    int8: bool = False,
    max_drop: Annotated[float | None, Parameter(validator=validators.Number(gte=0))] = None,
    pictures: Count | None = None,
    data: str | None = None,
    batch: Count | None = None,
    overwrite: bool = False,
) -> None:
    """Write the network of a RUN as a MODEL, which needs no torch, for all that works with pictures.

    'predict', 'extract', 'explain', 'index', 'tag' and 'serve' take it in place of the RUN.

    What it tells is compared with torch first. With --int8 it is faster and less exact: its score on the
    run's validation split is compared with that of float, and the export refused where it drops too far.

    Args:
        run: The RUN folder.
        out: The MODEL folder.
        form: openvino for OpenVINO alone; onnx for OpenVINO, ONNX Runtime and many others.
        int8: Compute in int8: fast in OpenVINO, which takes both formats; in ONNX Runtime it may be slower.
        max_drop: With --int8: how far the score that chose the run's best epoch may drop; 0.02 if not given.
        pictures: With --int8: how many training pictures it is calibrated on; 300 if not given.
        data: With --int8: the run's data set, when that was moved.
        batch: How many pictures it takes at once; any number if not given.
        overwrite: Replace an earlier MODEL.
    """
    options = {"max_drop": max_drop, "pictures": pictures, "data": data}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if given and not int8:
        raise DataError("--max-drop, --pictures and --data: are for --int8; give that too, or leave them out")

    from emotionnet.apps.output import print_result
    from emotionnet.evaluation.exporting import Int8
    from emotionnet.evaluation.exporting import export as export_run

    made = export_run(run, out, form=form, int8=int8 and Int8(**given), batch=batch, overwrite=overwrite)
    shown = made.model_dump(include={"form", "int8", "batch", "checks", "scores"})
    print_result({"model": str(out), **shown})
