"""What is done with a RUN: train it, measure it, report it, share it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from emotionnet.apps.commands.base import Options, Split, app, print_run
from emotionnet.apps.options import describe_file, describe_keys
from emotionnet.config import TrainConfig
from emotionnet.config_2020.keys import is_2020
from emotionnet.config_2020.plan import describe_recipes
from emotionnet.config_files import load_config
from emotionnet.evaluation.suite.config import SuiteConfig, SuiteEntry
from emotionnet.files import read_object
from emotionnet.records import ConfigError, DataError


@app.command(help_epilogue=f"{describe_keys(TrainConfig)}\n\n{describe_recipes()}")
def train(
    config: Path | None = None,
    /,
    *,
    recipe: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    options: Options,
) -> None:
    """Train an EmotionNet on a DATASET; leaves a RUN.

    A config file of the 2020 system runs as it is: its files are converted into the RUN first.

    Args:
        config: JSON file; every key can be given as an option too.
        recipe: For a file of the 2020 system: what its script did that the file does not say; names, split
            at commas.
        overwrite: Replace an earlier RUN.
        resume: Go on from the last checkpoint.
    """
    if config is not None and is_2020(read_object(config)):
        from emotionnet.training.old_config import train_2020

        run = train_2020(config, options, recipe=recipe, overwrite=overwrite, resume=resume)
        print_run(run)
        return
    if recipe is not None:
        raise ConfigError("--recipe: is for a config file of the 2020 system, which has the key arch")
    settings = load_config(TrainConfig, config, options)

    from emotionnet.training.run import train as fit

    print_run(fit(settings, overwrite=overwrite, resume=resume))


@app.command(
    help_epilogue="\n\n".join(
        [
            describe_file(SuiteConfig, "Keys of a suite's file:"),
            describe_file(SuiteEntry, "Keys of each of its benchmarks:"),
        ]
    )
)
def evaluate(
    *runs: Path,
    split: Split = "test",
    data: str | None = None,
    format: str = "auto",  # noqa: A002
    map: Literal["table", "nearest"] | None = None,  # noqa: A002
    against: Path | None = None,
    suite: Path | None = None,
    out: Path | None = None,
) -> None:
    """Score a RUN on a split of its data set, beside the baselines; adds to RUN/metrics.json.

    With --suite: hold any number of RUNs against many benchmarks, in one table. It may be stopped at any
    time; the same command goes on.

    Args:
        runs: The RUN folder; several with --suite.
        split: Which split.
        data: Another data set with the same emotions: a DATASET, SHARDS, folders, a table, a benchmark.
        format: What data is: auto, dataset, shards, folders, table, hf or a name of 'data benchmarks'.
        map: Score the run by the labels of data with other emotions instead, without training: each emotion
            stands for labels by our table, or for the label whose word is nearest.
        against: Another RUN: print the paired differences of every score, the first less this one, each with
            its interval and p; both must have been evaluated on the split.
        suite: JSON file that says which benchmarks, and how runs are held against them; its keys stand below.
        out: With --suite: the folder for the table and its cells; without it, that of the file without .json.
    """
    if suite is not None:
        if (data, map, against, split, format) != (None, None, None, "test", "auto"):
            raise DataError(
                "--suite: names its data itself; leave out --data, --format, --split, --map and --against"
            )
        _evaluate_suite(runs, suite, out)
        return
    if out is not None:
        raise DataError("--out: is for --suite; scores of one run go into its own folder")
    if len(runs) != 1:
        raise DataError(
            "RUN: several runs need --suite; two are held against each other by RUN --against OTHER"
            if runs
            else "RUN: one run must be given, or --suite; got none"
        )
    (run,) = runs
    from emotionnet.apps.output import print_result

    if against is not None:
        if (data, map, format) != (None, None, "auto"):
            raise DataError(
                "--against: compares what both runs have told; leave out --data, --format and --map"
            )
        from emotionnet.evaluation.comparing import compare_runs

        print_result(compare_runs(run, against, split))
        return
    if map is not None:
        from emotionnet.evaluation.mapped import evaluate_mapped

        print_result(evaluate_mapped(run, map, split=split, data=data, format=format))
        return
    from emotionnet.evaluation.scoring import evaluate_run

    print_result(evaluate_run(run, split=split, data=data, format=format))


@app.command
def zeroshot(  # noqa: PLR0913
    run: str,
    /,
    *pictures: str,
    labels: str | None = None,
    split: Split = "test",
    data: str | None = None,
    format: str = "auto",  # noqa: A002
    on: Literal["unseen", "labels"] | None = None,
    vectors: Path | None = None,
    space: Literal["vectors", "sentence"] = "vectors",
    pool: Literal["mean", "max"] = "mean",
    teacher: Path | None = None,
    out: Path | None = None,
) -> None:
    """Score a RUN or a CLIP model on words that it was not trained on; a RUN's go to RUN/metrics.json too.

    Given pictures, it ranks the labels for each of them instead.

    Args:
        run: The RUN folder; or open_clip:ARCH@WEIGHTS, where WEIGHTS is a tag of open_clip, a file, or none.
            For pictures also a MODEL.
        pictures: Pictures, folders and patterns, in place of a data set.
        labels: Any words in place of the data set's labels: joy,grief or joy=joy+happy,grief or a JSON file
            {"joy": ["joy", "happy"]}.
        split: Which split.
        data: Another data set.
        format: What data is: auto, dataset, shards, folders, table, hf or a name of 'data benchmarks'.
        on: The words held out of the run's training, or the labels of a data set that it was not trained on.
            Without it, held-out words where there are any.
        vectors: VECTORS in place of the run's own.
        space: Where pictures and words meet: the run's word vectors, or sentence vectors, which any words
            have and a run without projection too.
        pool: How the cosines of a label's words become its score.
        teacher: TEACHER whose features of single words stand in for their vectors.
        out: A folder for the scores of a CLIP model.
    """
    from emotionnet.evaluation.zeroshot_words import read_word_sets

    words = None if labels is None else read_word_sets(labels)

    from emotionnet.apps.output import print_result
    from emotionnet.apps.zeroshot import Asking, rank, score
    from emotionnet.evaluation.zeroshot_spaces import Reading

    reading = Reading(pool=pool, teacher=teacher, space=space)
    asking = Asking(words, on, split, data, format, vectors, reading, out)
    if pictures:
        rank(run, pictures, asking)
    else:
        print_result(score(run, asking))


@app.command
def report(
    run: Path,
    /,
    *,
    data: str | None = None,
    format: str = "auto",  # noqa: A002
) -> None:
    """Write RUN/report.html and the model card RUN/README.md from what was scored.

    Args:
        run: The RUN folder.
        data: Its data set, when that was moved, or the one that it was scored on.
        format: What data is, as for 'evaluate'.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.evaluation.report import report_run

    page, card = report_run(run, data=data, format=format)
    print_result({"report": str(page), "card": str(card)})


@app.command
def push(run: Path, repository: str, /, *, private: bool = False) -> None:
    """Share a RUN and its model card on the Hugging Face hub.

    Args:
        run: The RUN folder.
        repository: Where, as hf:USER/NAME; it is made where there is none.
        private: Whether a repository that is made is closed to others.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.inference.hub import push_run

    print_result({"pushed": push_run(run, repository, private=private)})


def _evaluate_suite(runs: Sequence[Path], suite: Path, out: Path | None) -> None:
    settings = load_config(SuiteConfig, suite, {})

    from emotionnet.apps.output import print_result
    from emotionnet.evaluation.suite.run import run_suite

    made = run_suite(runs, settings, out or suite.with_suffix(""))
    table, cells = {"table": made.markdown, "csv": made.csv, "latex": made.latex}, (made.cells, made.filled)
    print_result({**{key: str(path) for key, path in table.items()}, "cells": cells[0], "filled": cells[1]})
