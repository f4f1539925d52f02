"""From web records to a DATASET: read, clean, group, choose, split, write.

What is said of a million records is said of a hundred: the source is gone through in batches, tags become
numbers, and memory holds some 100 bytes of each record that carries an emotion; the rest waits on disk.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from emotionnet.config import CurateConfig
from emotionnet.curation.emoji import unpack_emoji
from emotionnet.curation.faces import face_detector
from emotionnet.curation.funnel import Step
from emotionnet.curation.gathering import gather
from emotionnet.curation.keyword_pictures import read_keyword_pictures
from emotionnet.curation.labels import Labels, choose_labels
from emotionnet.curation.openclipart import read_openclipart
from emotionnet.curation.output import Curated, write_curated
from emotionnet.curation.pool import STEPS, Pool, usable_records
from emotionnet.curation.reasons import add_reasons
from emotionnet.curation.sources import Source, has_tables, read_source
from emotionnet.curation.tags import Vocabulary, emotion_vocabulary
from emotionnet.curation.taken import make_tables, take
from emotionnet.curation.work_files import Rejects
from emotionnet.data.store import PARTS, Dataset, read_dataset
from emotionnet.files import cache_folder, refuse_existing
from emotionnet.progress import message
from emotionnet.records import DataError


def curate(config: CurateConfig, *, overwrite: bool = False) -> Dataset:
    """Make a DATASET of web records.

    Same source, config and versions: the same files, byte for byte. Every record that is
    left out is in `rejects.parquet`, with the reason.

    Args:
        config: What to read, and what to keep.
        overwrite: Replace an earlier DATASET.

    Raises:
        DataError: The source, the vocabulary or the face detector is broken, fewer than two emotions have
            enough groups, a split is empty, or `config.out` may not be written.
    """
    refuse_existing(config.out, parts=PARTS, overwrite=overwrite)
    vocabulary = emotion_vocabulary(config.vocabulary)
    detector = None if config.faces is None else face_detector(config.faces)
    with _open(config.source) as source, _work_folder(config.out) as work:
        rejects = Rejects(work, STEPS)
        curated = _curated(source, vocabulary, config, rejects, work)
        write_curated(config, source, vocabulary, curated, detector=detector, overwrite=overwrite)
    dataset = read_dataset(config.out)
    message(", ".join(f"{step['kept']:,} {step['step']}" for step in dataset.info["funnel"]))
    return dataset


@contextlib.contextmanager
def _open(source: Path | str) -> Iterator[Source]:
    if isinstance(source, Path):
        is_album = source.is_dir() and not has_tables(source)
        yield read_keyword_pictures(source) if is_album else read_source(source)
        return
    if source == "openclipart":
        yield read_openclipart()
        return
    with tempfile.TemporaryDirectory(prefix="emotionnet-") as folder:
        yield unpack_emoji(cache_folder() / "npm", Path(folder))


@contextlib.contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """A folder beside the DATASET, where there is room for it; gone afterwards."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.")
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror})") from None
    with folder as path:
        yield Path(path)


def _curated(
    source: Source, vocabulary: Vocabulary, config: CurateConfig, rejects: Rejects, work: Path
) -> Curated:
    """All that is decided, and the rows of what is kept."""
    gathered = gather(
        source,
        vocabulary,
        rejects,
        work,
        language=config.tag_language,
        licence=config.licence,
        licences=config.licences,
    )
    pool = usable_records(
        gathered,
        vocabulary,
        source.root,
        near_duplicate_bits=config.near_duplicate_bits,
        group_pictures=config.group_pictures,
        short_side=config.short_side,
        seed=config.seed,
    )
    labels = choose_labels(pool, vocabulary, config)
    taken = take(pool, labels)
    tables = make_tables(taken, pool, labels, vocabulary, config)
    _drop_the_rest(pool, labels)
    add_reasons(rejects, pool, tables.families, config)
    tags = gathered.tags
    tag_funnel = [Step("good tags", len(tags) + tags.foreign)]
    if config.tag_language is not None:
        tag_funnel.append(Step("known to the dictionary", len(tags)))
    tag_funnel += [
        Step("with their forms merged", len(pool.tags.names)),
        Step("on the pictures of the splits", len(tables.words["tags"])),
    ]
    return Curated(tables.rows, tables.words, tables.families, rejects.frames(), pool.fates.steps, tag_funnel)


def _drop_the_rest(pool: Pool, labels: Labels) -> None:
    pool.fates.drop("label", ~labels.labelled_N, "with an emotion label")
    pool.fates.drop("splits", ~labels.taken(), "in the splits")
