"""`emotionnet text`: what tags mean."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from emotionnet.apps.commands.base import Options, app, print_run
from emotionnet.apps.options import describe_keys
from emotionnet.config import TeacherConfig, VectorsConfig
from emotionnet.config_files import load_config
from emotionnet.records import DataError

text = App(name="text", help="What tags mean: word vectors and the text teacher.")
app.command(text)


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

    print_run(train_teacher(settings, overwrite=overwrite, resume=resume))


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
