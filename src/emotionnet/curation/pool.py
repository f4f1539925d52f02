"""The records that are still in, as a few numbers each, and why the others are out.

Shape letters: N = records that `gather` kept, G = groups, H = words of a hash (2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from emotionnet.curation import selection
from emotionnet.curation.duplicates import look_alikes
from emotionnet.curation.funnel import Step
from emotionnet.curation.gathering import Gathered
from emotionnet.curation.pictures import look_at
from emotionnet.curation.tag_lists import Flags, Hashes, TagLists
from emotionnet.curation.tag_numbers import MergedTags
from emotionnet.curation.tags import Vocabulary
from emotionnet.curation.work_files import WorkFiles
from emotionnet.data.joined import Joined
from emotionnet.data.looks import HASH_BYTES

Integers = npt.NDArray[np.int64]
STEPS = ("source", "id", "emotion", "licence", "share", "fault", "picture", "tags", "label", "splits")
_HASH_WORDS = 2


class Fates:
    """Which of N records are still in, and at which step the others went.

    Args:
        n: How many records there are.
        steps: What was kept before.
    """

    def __init__(self, n: int, steps: Sequence[Step]) -> None:
        self.step_N = np.zeros(n, dtype=np.uint8)  # 0, the step "source": still in
        self.steps = list(steps)

    def alive(self) -> Flags:
        """Which records are still in; shape (N,)."""
        alive_N: Flags = self.step_N == 0
        return alive_N

    def drop(self, step: str, flags_N: Flags, kept: str) -> None:
        """Drop records.

        Args:
            step: One of `STEPS`.
            flags_N: Which; those that are out already stay where they went.
            kept: What the others are, for the funnel.
        """
        self.step_N[flags_N & self.alive()] = STEPS.index(step)
        self.steps.append(Step(kept, int(self.alive().sum())))


@dataclass(frozen=True, eq=False)
class Pool:
    """What is known of N records.

    Args:
        files: Their columns.
        seen: Their sha256, and why a picture cannot be used.
        tags: What the numbers of their tags stand for.
        emotions: Their emotion words, as places in `emotion_words`.
        emotion_words: In alphabetical order.
        names_N: The group of each as it came; groups are numbered in the order of their names.
        groups_N: The same once look-alikes are joined: the first of the groups that came together.
        twins_N: The earlier record for which one was dropped.
        fates: Who is still in.
    """

    files: WorkFiles
    seen: WorkFiles
    tags: MergedTags
    emotions: TagLists
    emotion_words: tuple[str, ...]
    names_N: Integers
    groups_N: Integers
    twins_N: Integers
    fates: Fates


@dataclass(frozen=True, eq=False)
class _Facts:
    """What the second walk finds; shape (N,) or as the letters say."""

    seen: WorkFiles
    faulty_N: Flags
    pictures_NH: Hashes
    tag_sets_NH: Hashes
    looks_N32: npt.NDArray[np.uint8]
    has_look_N: Flags
    sources_N: Integers


def usable_records(
    gathered: Gathered,
    vocabulary: Vocabulary,
    root: Path,
    *,
    near_duplicate_bits: int,
    group_pictures: int | None = None,
    short_side: int | None = None,
    seed: int = 0,
) -> Pool:
    """Everything that can be said of a record without counting the others' emotions.

    Dropped are, in this order, records of a group of the source that has more than it may, with a
    picture that cannot be used, with the very picture of an earlier record, and with the tags of an
    earlier record of the same source (Wei et al. 2020, section 3). Groups are those of the source, then
    look-alikes of one source joined.

    Args:
        gathered: Records with an emotion word.
        vocabulary: The emotion words.
        root: The folder that pictures are relative to.
        near_duplicate_bits: See `look_alikes`.
        group_pictures: The most records of one group of the source; None: all.
        short_side: See `stored_content`.
        seed: Draws which records of a group.
    """
    files, tags = gathered.files, gathered.tags.merged()
    fates = Fates(files.height, gathered.steps)
    names_N, given_N = _group_numbers(files)
    if group_pictures is not None:
        over_N = selection.beyond(np.where(given_N, names_N, -1), group_pictures, seed)
        fates.drop("share", over_N, f"at most {group_pictures} of a group")
    words = tuple(sorted(vocabulary.emotions))
    place = {word: number for number, word in enumerate(words)}
    places_V = np.array([place.get(name, -1) for name in tags.names], dtype=np.int64)
    facts, emotions = _walk(files, fates.alive(), tags, places_V, (root, short_side))
    fates.drop("fault", facts.faulty_N, "with a picture that can be used")
    twins_N = np.arange(files.height)
    for step, hashes_NH, kept in (
        ("picture", facts.pictures_NH, "with a picture of their own"),
        ("tags", facts.tag_sets_NH, "with tags of their own"),
    ):
        rows = np.flatnonzero(fates.alive())
        twins_N[rows] = rows[selection.first_alike(hashes_NH[rows])]
        fates.drop(step, twins_N < np.arange(files.height), kept)
    groups_N = _joined_groups(names_N, facts, fates.alive(), near_duplicate_bits)
    return Pool(files, facts.seen, tags, emotions, words, names_N, groups_N, twins_N, fates)


def _group_numbers(files: WorkFiles) -> tuple[Integers, Flags]:
    """A number for each record's group, in the order of the names, and whether the source names the group.

    A record without a group is a group of its own, which has its id for a name.
    """
    name, given = pl.coalesce("group", "id").alias("name"), pl.col("group").is_not_null().alias("given")
    parts = [part.select(name, given) for _, part in files.read("id", "group")]
    names = pl.concat([pl.DataFrame(schema={"name": pl.String, "given": pl.Boolean}), *parts])
    numbers = names["name"].rank("dense").cast(pl.Int64) - 1
    return numbers.to_numpy(), names["given"].to_numpy()


def _walk(
    files: WorkFiles,
    alive_N: Flags,
    tags: MergedTags,
    places_V: Integers,
    pictures: tuple[Path, int | None],
) -> tuple[_Facts, TagLists]:
    """The second walk: merge the tags, look at the pictures, hash both."""
    n = files.height
    hashes_VH = _random_hashes(len(tags.names))
    sources: dict[str, int] = {}
    facts = _Facts(
        WorkFiles(files.folder, "seen"),
        np.zeros(n, dtype=np.bool_),
        np.zeros((n, _HASH_WORDS), dtype=np.uint64),
        np.zeros((n, _HASH_WORDS), dtype=np.uint64),
        np.zeros((n, HASH_BYTES), dtype=np.uint8),
        np.zeros(n, dtype=np.bool_),
        np.zeros(n, dtype=np.int64),
    )
    emotions = []
    for rows, part in files.read("image", "source", "sha256", "look", "tags"):
        lists = TagLists.read(part["tags"]).mapped(tags.numbers_V)
        emotions.append(lists.mapped(places_V))
        for name in part["source"].unique(maintain_order=True):
            sources.setdefault(name, len(sources))
        source = part["source"].replace_strict(sources, return_dtype=pl.Int64).to_numpy()
        facts.sources_N[rows] = source
        facts.tag_sets_NH[rows] = lists.hashes(hashes_VH) + _random_hashes(len(sources), seed=1)[source]
        seen = _seen(part, alive_N[rows], *pictures)
        facts.seen.add(seen.select("sha256", "fault"))
        facts.faulty_N[rows] = seen["fault"].is_not_null().to_numpy()
        picture = pl.when(pl.col("sha256") != "").then("sha256").otherwise("image")
        hashes = [picture.hash(seed=seed).alias(f"{seed}") for seed in range(_HASH_WORDS)]
        facts.pictures_NH[rows] = seen.with_columns(part["image"]).select(hashes).to_numpy()
        has_look = seen["look"].is_not_null().to_numpy()
        facts.has_look_N[rows] = has_look
        looks = np.frombuffer(b"".join(seen["look"].drop_nulls()), dtype=np.uint8)
        facts.looks_N32[rows][has_look] = looks.reshape(-1, HASH_BYTES)
    return facts, TagLists.joined(emotions)


def _random_hashes(n: int, seed: int = 0) -> Hashes:
    """So many hashes, shape (n, H); the first of them are the same for any number."""
    return np.random.default_rng(seed).integers(2**64, size=(n, _HASH_WORDS), dtype=np.uint64)


def _seen(part: pl.DataFrame, alive_N: Flags, root: Path, short_side: int | None) -> pl.DataFrame:
    """What `look_at` says of the records that are still in; nothing of the others."""
    numbered = part.select("image", "sha256", "look").with_row_index("place")
    alive = numbered.filter(pl.Series(alive_N))
    seen = look_at(alive, root, short_side).with_columns(alive["place"])
    return numbered.select("place").join(seen, on="place", how="left", maintain_order="left")


def _joined_groups(names_N: Integers, facts: _Facts, alive_N: Flags, bits: int) -> Integers:
    """The groups once those of look-alikes of one source are put together; the first name stands for all."""
    rows = np.flatnonzero(alive_N & facts.has_look_N)
    sets = look_alikes(facts.looks_N32[rows], bits, within_N=facts.sources_N[rows])
    joined = Joined(int(names_N.max(initial=-1)) + 1)
    others = np.flatnonzero(sets != np.arange(len(rows)))
    joined.join(names_N[rows[others]], names_N[rows[sets[others]]])
    return joined.smallest()[names_N]
