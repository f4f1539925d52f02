"""The command line: one thin function per command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import App, Parameter, validators

from emotionnet import __version__
from emotionnet.apps.benchmark.config import BenchmarkConfig
from emotionnet.apps.options import describe_keys, split_options
from emotionnet.config import CurateConfig, Section, TeacherConfig, TrainConfig, VectorsConfig
from emotionnet.config_2020.keys import is_2020
from emotionnet.config_2020.plan import describe_recipes, plan_training
from emotionnet.config_files import load_config
from emotionnet.files import read_object
from emotionnet.progress import message
from emotionnet.records import ConfigError, DataError, TrainingError

Split = Literal["train", "val", "test"]
Options = Annotated[dict[str, Any], Parameter(parse=False)]
Count = Annotated[int, Parameter(validator=validators.Number(gte=1))]

app = App(
    name="emotionnet",
    help="Learn visual emotion representations from web-tagged images, measure them, put them to use.",
    version=__version__,
    help_format="plaintext",
)
data = App(name="data", help="Data sets: from web records to a DATASET folder.")
text = App(name="text", help="What tags mean: word vectors and the text teacher.")
convert = App(name="convert", help="The files of the 2020 system, made into ours and back.")
app.command(data)
app.command(text)
app.command(convert)

# Commands whose options are the keys of a config.
STAGES: dict[tuple[str, ...], type[Section]] = {
    ("data", "curate"): CurateConfig,
    ("text", "vectors"): VectorsConfig,
    ("text", "teacher"): TeacherConfig,
    ("train",): TrainConfig,
    ("benchmark",): BenchmarkConfig,
}


@data.command(help_epilogue=describe_keys(CurateConfig))
def curate(config: Path | None = None, /, *, overwrite: bool = False, options: Options) -> None:
    """Make a DATASET of web records: clean the tags, choose the emotions, split by group.

    Args:
        config: JSON file; every key can be given as an option too.
        overwrite: Replace an earlier DATASET.
    """
    settings = load_config(CurateConfig, config, options)

    from emotionnet.apps.output import print_result
    from emotionnet.curation.curate import curate as run

    dataset = run(settings, overwrite=overwrite)
    print_result({"dataset": str(dataset.root), **dataset.info["counts"]})


@data.command
def check(first: str, second: Path | None = None, /) -> None:
    """Name every fault of a DATASET, or hold a copy of a benchmark against what was published of it.

    Of a DATASET: missing, unreadable, changed or twin files, labels out of range; any fails the check. Of a
    benchmark: counts of splits and classes, missing and unreadable files, placeholders, duplicates across
    splits, and what to do; the check fails only where the copy cannot be read at all.

    Args:
        first: The DATASET folder; or the name of a benchmark, as 'data benchmarks' lists it.
        second: The folder of the benchmark's copy.
    """
    if second is not None:
        from emotionnet.apps.data_output import print_check
        from emotionnet.data.benchmark_check import check_benchmark

        print_check(check_benchmark(first, second))
        return
    from emotionnet.apps.output import print_result
    from emotionnet.data.benchmarks.catalogue import BENCHMARKS
    from emotionnet.data.check import check_dataset

    if first in BENCHMARKS and not Path(first).exists():
        raise DataError(f"data check {first}: the folder of the copy must be given too; got the name alone")
    report = check_dataset(Path(first))
    if report.faults:
        raise DataError(report.faults)
    print_result(report.to_dict())


@data.command
def benchmarks() -> None:
    """List the public benchmarks that can be opened: labels, splits, score, licence, citation."""
    from emotionnet.apps.data_output import print_benchmarks
    from emotionnet.data.benchmarks.catalogue import BENCHMARKS

    print_benchmarks(BENCHMARKS.values())


@data.command
def describe(root: Path, /, *, out: Path, overwrite: bool = False) -> None:
    """Count what the pictures of a DATASET carry: tags, emotions, which go together, and plots.

    Args:
        root: The DATASET folder.
        out: A new folder: tags.csv, image_tags.parquet, cooccurrence.csv, report.html.
        overwrite: Replace an earlier description.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.evaluation.dataset_report import describe_dataset

    print_result({"description": str(out), **describe_dataset(root, out, overwrite=overwrite)})


@text.command(help_epilogue=describe_keys(VectorsConfig))
def vectors(config: Path | None = None, /, *, overwrite: bool = False, options: Options) -> None:
    """Make word vectors for the tags of a DATASET.

    Args:
        config: JSON file; every key can be given as an option too.
        overwrite: Replace earlier VECTORS.
    """
    settings = load_config(VectorsConfig, config, options)

    from emotionnet.apps.output import print_result
    from emotionnet.text.build import make_vectors

    made = make_vectors(settings, overwrite=overwrite)
    print_result({"vectors": str(settings.out), "words": len(made.words), "size": made.size})


@text.command(help_epilogue=describe_keys(TeacherConfig))
def teacher(
    config: Path | None = None, /, *, overwrite: bool = False, resume: bool = False, options: Options
) -> None:
    """Train the text teacher: tags in, emotions out.

    Args:
        config: JSON file; every key can be given as an option too.
        overwrite: Replace an earlier TEACHER.
        resume: Go on from the last checkpoint.
    """
    settings = load_config(TeacherConfig, config, options)

    from emotionnet.training.run import train_teacher

    _print_run(train_teacher(settings, overwrite=overwrite, resume=resume))


@text.command
def coverage(vocabulary: Path, vectors: Path, /) -> None:
    """Tell how many words of a vocabulary have a vector, and which have none.

    Args:
        vocabulary: A list of words, one a line, or a vocabulary file of 2020.
        vectors: VECTORS, or a word2vec file.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.text.coverage import vocabulary_coverage

    print_result(vocabulary_coverage(vocabulary, vectors).to_dict())


@text.command
def dimensions(*words: str, against: str | None = None, vectors: Path | None = None) -> None:
    """Tell valence, arousal and dominance of words, from 1 to 9, by published norms or the nearest word.

    Args:
        words: Emotions, or any words.
        against: Hold the norms against people's judgements of pictures instead: findingemo for the
            annotations of the installed package, or their file.
        vectors: VECTORS that tell which words are near; without it, sentence vectors.
    """
    from emotionnet.apps.word_dimensions import against_people, describe_words, print_words

    if (against is None) == (not words):
        raise DataError("text dimensions: either words or --against must be given")
    if against is None:
        print_words(describe_words(words, vectors))
        return
    from emotionnet.apps.output import print_result

    print_result(against_people(None if against == "findingemo" else Path(against), vectors))


@text.command
def projector(vectors: Path, /, *, out: Path, overwrite: bool = False) -> None:
    """Write vectors.tsv and metadata.tsv for the TensorFlow embedding projector.

    Args:
        vectors: VECTORS, or a word2vec file.
        out: A new folder.
        overwrite: Replace an earlier result.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.text.projector import write_projector

    words = write_projector(vectors, out, overwrite=overwrite)
    print_result({"projector": str(out), "words": words})


@text.command
def apply(teacher: Path, dataset: Path, /, *, out: Path, overwrite: bool = False) -> None:
    """Label every picture of a DATASET by what a TEACHER says of its tags; writes another DATASET.

    Args:
        teacher: The TEACHER folder.
        dataset: The DATASET folder.
        out: The DATASET folder to write.
        overwrite: Replace an earlier DATASET.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.inference.soft_labels import apply_teacher

    made = apply_teacher(teacher, dataset, out, overwrite=overwrite)
    counts = {**made.info["counts"], "without_known_tag": made.info["without_known_tag"]}
    print_result({"dataset": str(made.root), **counts})


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
        _print_run(run)
        return
    if recipe is not None:
        raise ConfigError("--recipe: is for a config file of the 2020 system, which has the key arch")
    settings = load_config(TrainConfig, config, options)

    from emotionnet.training.run import train as fit

    _print_run(fit(settings, overwrite=overwrite, resume=resume))


@app.command
def evaluate(
    run: Path,
    /,
    *,
    split: Split = "test",
    data: Path | None = None,
    format: str = "auto",  # noqa: A002
    map: Literal["table", "nearest"] | None = None,  # noqa: A002
) -> None:
    """Score a RUN on a split of its data set, beside the baselines; adds to RUN/metrics.json.

    Args:
        run: The RUN folder.
        split: Which split.
        data: Another data set with the same emotions: a DATASET, folders, a table, a benchmark's folder.
        format: What data is: auto, dataset, folders, table, hf or a name that 'data benchmarks' lists.
        map: Score the run by the labels of data with other emotions instead, without training: each emotion
            stands for labels by our table, or for the label whose word is nearest.
    """
    from emotionnet.apps.output import print_result

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
    data: Path | None = None,
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
        pictures: Pictures, folders and patterns, in place of a data set.
        labels: Any words in place of the data set's labels: joy,grief or joy=joy+happy,grief or a JSON file
            {"joy": ["joy", "happy"]}.
        split: Which split.
        data: Another data set.
        format: What data is: auto, dataset, folders, table, hf or a name that 'data benchmarks' lists.
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
def predict(
    run: Path,
    /,
    *paths: str,
    top: Count = 5,
    output: Annotated[Literal["auto", "json", "csv", "table"], Parameter(name="--format")] = "auto",
) -> None:
    """Tell the emotions that pictures may evoke, and the nearest tags.

    Args:
        run: The RUN folder.
        paths: Pictures, folders and patterns.
        top: How many emotions and tags for each picture.
        output: auto is a table on a terminal and JSON elsewhere.
    """
    if not paths:
        raise DataError("PATHS: at least one picture, folder or pattern must be given; got none")
    from emotionnet.apps.output import print_predictions
    from emotionnet.data.images import find_images
    from emotionnet.inference.predictor import load_predictor

    images, unknown = find_images(paths)
    if not images:
        raise DataError(unknown)
    predictions, unreadable = load_predictor(run).predict_files(images, top=top)
    print_predictions(predictions, output)
    if unknown or unreadable:
        raise DataError([*unknown, *unreadable])


@app.command
def extract(run: Path, /, *paths: str, out: Path, overwrite: bool = False) -> None:
    """Write the features of pictures: a Parquet table, or a folder with one .npy file for each picture.

    Args:
        run: The RUN folder.
        paths: Pictures, folders and patterns.
        out: FEATURES.parquet with the columns path and features, or a folder.
        overwrite: Replace an earlier result.
    """
    from emotionnet.apps.output import print_result
    from emotionnet.inference.extract import extract_features

    made = extract_features(run, paths, out, overwrite=overwrite)
    print_result({"features": str(out), "pictures": made.count, "size": made.size})
    if made.faults:
        raise DataError(made.faults)


@app.command
def report(
    run: Path,
    /,
    *,
    data: Path | None = None,
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


@app.command
def demo(*, out: Path = Path("runs/demo"), overwrite: bool = False) -> None:
    """Walk the whole way on embedded data: curate, vectors, teacher, train, evaluate, zeroshot, report.

    Args:
        out: The RUN folder; its data set, vectors and teacher lie inside it.
        overwrite: Replace an earlier demo.
    """
    from emotionnet.apps.demo import run_demo
    from emotionnet.apps.output import print_result

    print_result(run_demo(out, overwrite=overwrite))


@app.command(help_epilogue=describe_keys(BenchmarkConfig))
def benchmark(config: Path | None = None, /, *, overwrite: bool = False, options: Options) -> None:
    """Cross-validate on emoji, folds x seeds: the page of paired differences that claims rest on.

    May be stopped at any time; the same command goes on.

    Args:
        config: JSON file; every key can be given as an option too. None: the project's own benchmark.
        overwrite: Begin anew.
    """
    with resources.as_file(resources.files("emotionnet") / "experiments" / "benchmark") as own:
        if config is None:
            config, options = own / "benchmark.json", {"out": "runs/benchmark", **options}
        settings = load_config(BenchmarkConfig, config, options)

        from emotionnet.apps.benchmark.run import run_benchmark
        from emotionnet.apps.output import print_result

        print_result({"page": str(run_benchmark(settings, overwrite=overwrite))})


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a caller's mistake is one line for each fault and exit status 2."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    if sys.stdout is None:  # closed by the caller, who wants no results
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    try:
        _run(tokens)
        sys.stdout.flush()
    except cyclopts.CycloptsError as error:
        _fail([" ".join(str(error).split())], status=2)
    except DataError as error:
        _fail(error.faults, status=2)
    except TrainingError as error:
        _fail([str(error)], status=1)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail([f"{where}the system refused: {error.strerror or error}"], status=1)
    except KeyboardInterrupt:
        _fail(["stopped; what was saved is kept"], status=130)


def _run(tokens: list[str]) -> None:
    options: dict[str, Any] = {}
    for stage, model in STAGES.items():
        if tuple(tokens[: len(stage)]) == stage:
            rest, options = split_options(tokens[len(stage) :], model)
            tokens = [*stage, *rest]
    command, bound, ignored = app.parse_args(tokens, print_error=False, exit_on_error=False)
    extra = {"options": options} if "options" in ignored else {}
    command(*bound.args, **bound.kwargs, **extra)


def _print_run(run: Path) -> None:
    from emotionnet.apps.output import print_result
    from emotionnet.runs import read_metrics

    print_result({"run": str(run), **read_metrics(run)})


def _fail(faults: Sequence[str], *, status: int) -> None:
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)  # noqa: T201
    raise SystemExit(status)
