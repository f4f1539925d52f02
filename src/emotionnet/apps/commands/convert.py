"""`emotionnet convert`: the files of the 2020 system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from emotionnet.apps.commands.base import Split, app
from emotionnet.config_2020.plan import describe_recipes, plan_training
from emotionnet.progress import message
from emotionnet.records import DataError

convert = App(name="convert", help="The files of the 2020 system, made into ours and back.")
app.command(convert)


@convert.command(name="config", help_epilogue=describe_recipes())
def config_file(file: Path, /, *, recipe: str | None = None) -> None:
    """Print what a config file of the 2020 system asks for as a config of `train`.

    Data set and teacher are named where `train FILE` would put them. The files that it names need not exist.

    Args:
        file: The JSON file.
        recipe: What its script did that the file does not say; names, split at commas.
    """
    from emotionnet.apps.output import print_json

    plan = plan_training(file, recipe)
    if plan.unused:
        message(plan.remark(file))
    print_json(plan.values)


@convert.command(name="annotations")
def annotation_files(  # noqa: PLR0913
    file: Path,
    /,
    *,
    out: Path,
    images: Path | None = None,
    vocabulary: Path | None = None,
    labels: Path | None = None,
    split: Split = "train",
    val: Path | None = None,
    test: Path | None = None,
    holdout: Annotated[int, Parameter(validator=validators.Number(gte=0))] = 0,
    skip_bad_rows: bool = False,
    to: Literal["2020"] | None = None,
    overwrite: bool = False,
) -> None:
    """Make a DATASET of annotation pickles of 2020 and their pictures; with --to 2020 the other way round.

    Args:
        file: The pickle; {} in its name stands for train, val and test. With --to: a DATASET folder.
        out: The DATASET to write. With --to: the folder for the pickles.
        images: The folder that the paths in the pickle are relative to.
        vocabulary: Words, as text or pickle: the tags of rows with tag ids, the words with a vector for
            SE30K8, the classes of other rows.
        labels: Names of the classes, as text or pickle.
        split: Which split the pickle is.
        val: The pickle of the validation split.
        test: The pickle of the test split.
        holdout: So many rows of train become val, after a shuffle with seed 0.
        skip_bad_rows: Leave bad rows out, into rejects.parquet, instead of refusing the file.
        to: The form to write a DATASET back in.
        overwrite: Replace an earlier result.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.data.annotation_export import export_annotations
    from emotionnet.data.conversion import convert_annotations, files_by_split
    from emotionnet.data.store import read_dataset
    from emotionnet.data.vocabularies import read_vocabulary

    if to is not None:
        if images or vocabulary or labels or val or test or holdout or skip_bad_rows:
            raise DataError("--to: takes a DATASET, --out and --overwrite only")
        print_result({"folder": str(out), **export_annotations(read_dataset(file), out, overwrite=overwrite)})
        return
    if images is None:
        raise DataError("--images: the folder of the pictures must be given")
    dataset = convert_annotations(
        files_by_split(file, split, {"val": val, "test": test}),
        images,
        out,
        labels=read_vocabulary(labels) if labels else None,
        vocabulary=read_vocabulary(vocabulary) if vocabulary else None,
        holdout=holdout,
        skip_bad_rows=skip_bad_rows,
        overwrite=overwrite,
    )
    print_result({"dataset": str(dataset.root), **dataset.info["annotations"], **dataset.info["counts"]})


@convert.command
def checkpoint(
    file: Path,
    /,
    *,
    out: Path,
    labels: Path | None = None,
    to: Literal["2020"] | None = None,
    overwrite: bool = False,
) -> None:
    """Make a RUN of a checkpoint of 2020, or a TEACHER of a text model; with --to 2020 the other way round.

    Args:
        file: The checkpoint. With --to: a RUN or TEACHER folder.
        out: The folder to write. With --to: the file.
        labels: Names of the classes, as text or vocabulary pickle; without it, those that the file
            holds, else class_0, class_1 and so on.
        to: Write the form of 2020.
        overwrite: Replace an earlier result.
    """
    if to is not None and labels is not None:
        raise DataError("--labels: a RUN has names for its classes; leave it out with --to")
    from emotionnet.apps.output import print_result
    from emotionnet.data.vocabularies import read_vocabulary
    from emotionnet.inference.conversion import convert_back, convert_checkpoint

    if to is not None:
        print_result({"checkpoint": str(convert_back(file, out, overwrite=overwrite))})
        return
    names = None if labels is None else read_vocabulary(labels)
    print_result({"run": str(out), **convert_checkpoint(file, out, labels=names, overwrite=overwrite)})
