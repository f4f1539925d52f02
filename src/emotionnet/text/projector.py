"""Word vectors as the two files that the TensorFlow embedding projector loads.

vectors.tsv    one vector a line, the shortest decimals that read back as the same float32
metadata.tsv   the words in the same order
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emotionnet.emotions import EmotionWord, lexicon
from emotionnet.files import new_folder, refuse_existing
from emotionnet.records import DataError
from emotionnet.text.vectors import read_vectors

VECTORS, METADATA = "vectors.tsv", "metadata.tsv"
PARTS = (VECTORS, METADATA)
HEADER = ("word", "mikels", "ekman", "polarity")
_BREAKS = ("\t", "\n", "\r")


def write_projector(vectors: Path, out: Path, *, overwrite: bool = False) -> int:
    """Write `vectors.tsv` and `metadata.tsv`.

    Where the lexicon (`emotions`) knows any of the words, the metadata have the columns of `HEADER`, a word's
    families and polarity empty where it is not known, and a header line. Else they are the words alone,
    and no header, as the projector expects of a single column.

    Args:
        vectors: A VECTORS folder or a word2vec file.
        out: A new folder.
        overwrite: Replace an earlier result.

    Returns:
        The number of words.

    Raises:
        DataError: The vectors are missing or broken, a word cannot stand in such a table, or `out` may not be
            written; nothing is.
    """
    refuse_existing(out, parts=PARTS, overwrite=overwrite)
    found = read_vectors(vectors)
    faults = [f"{vectors}: {fault}" for word in found.words for fault in _faults(word)]
    if faults:
        raise DataError(faults[:10])
    with new_folder(out, parts=PARTS, overwrite=overwrite) as folder:
        with (folder / VECTORS).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines("\t".join(map(str, vector_D)) + "\n" for vector_D in found.vectors_VD)
        with (folder / METADATA).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines("\t".join(row) + "\n" for row in _rows(found.words))
    return len(found)


def _rows(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    entries = {entry.word: entry for entry in lexicon()}
    known = [entries.get(word.lower().replace("_", " ")) for word in words]
    if not any(known):
        yield from ((word,) for word in words)
        return
    yield HEADER
    yield from ((word, *_told(entry)) for word, entry in zip(words, known, strict=True))


def _told(entry: EmotionWord | None) -> tuple[str, str, str]:
    return (entry.mikels, entry.ekman, entry.polarity) if entry else ("", "", "")


def _faults(word: str) -> Iterator[str]:
    if any(sign in word for sign in _BREAKS):
        yield f"a word must hold no tab and no line break; got {word[:60]!r}"
    try:
        word.encode()
    except UnicodeEncodeError:
        yield f"a word must be UTF-8; got {word[:60]!r}"
