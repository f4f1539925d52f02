"""Label sets and word sets by name, and the lexicon of emotion words.

The lexicon (`lexicon.csv` in this package) is our own choice of words that stand beside
pictures as tags; which family a word belongs to is our judgement. The families are
those of
* Mikels et al. 2005, "Emotional category data on images from the International
  Affective Picture System", Behavior Research Methods 37, for the eight;
* Ekman 1992, "An argument for basic emotions", Cognition and Emotion 6, for the six;
the habit of gathering words around a few prototypes is that of Shaver et al. 1987,
"Emotion knowledge", Journal of Personality and Social Psychology 52. A word that
belongs to no single family (jealous, tired) has none.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

LABEL_SETS: Mapping[str, tuple[str, ...]] = {
    "mikels8": ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"),
    "ekman6": ("anger", "disgust", "fear", "joy", "sadness", "surprise"),
    "se30k8": (
        "anger",
        "disgust",
        "fear",
        "happiness",
        "neutral",
        "sadness",
        "surprise(negative)",
        "surprise(positive)",
    ),
    "emotic26": (
        "Peace",
        "Affection",
        "Esteem",
        "Anticipation",
        "Engagement",
        "Confidence",
        "Happiness",
        "Pleasure",
        "Excitement",
        "Surprise",
        "Sympathy",
        "Doubt/Confusion",
        "Disconnection",
        "Fatigue",
        "Embarrassment",
        "Yearning",
        "Disapproval",
        "Aversion",
        "Annoyance",
        "Anger",
        "Sensitivity",
        "Sadness",
        "Disquietment",
        "Fear",
        "Pain",
        "Suffering",
    ),
}

# The words that stand for each category of EMOTIC in zero-shot scoring.
EMOTIC_WORDS: Mapping[str, tuple[str, ...]] = {
    "Peace": ("peace", "relaxed", "satisfied"),
    "Affection": ("affection", "fond", "love", "tenderness"),
    "Esteem": ("esteem", "respect", "admiration", "grateful"),
    "Anticipation": ("anticipation", "hope", "prepare", "prepared"),
    "Engagement": ("engagement", "attention", "attend", "curious", "interested"),
    "Confidence": ("confidence", "certain", "conviction", "encourage", "proud"),
    "Happiness": ("happiness", "delighted", "enjoyment", "amusement"),
    "Pleasure": ("pleasure", "delight"),
    "Excitement": ("excitement", "enthusiasm", "stimulation", "energetic"),
    "Surprise": ("surprise", "sudden", "unexpected"),
    "Sympathy": ("sympathy", "supportive", "compassionate"),
    "Doubt/Confusion": ("doubt", "confusion"),
    "Disconnection": ("boredom", "bored", "distracted", "boring", "dislike"),
    "Fatigue": ("fatigue", "weary", "tiredness", "sleepy"),
    "Embarrassment": ("embarrassment", "ashamed", "guilty", "shame"),
    "Yearning": ("yearning", "desire", "jealous", "envious", "envy", "lust"),
    "Disapproval": ("disapproval", "contempt", "hostile", "disapprove"),
    "Aversion": ("aversion", "disgust", "dislike", "repulsion", "hate"),
    "Annoyance": ("annoyance", "bothered", "irritated", "impatient", "frustrated"),
    "Anger": ("anger", "displeasure", "rage", "furious", "resentful"),
    "Sensitivity": ("sensitivity", "delicate", "vulnerable", "touching"),
    "Sadness": ("sadness", "unhappy", "sorrow", "disappointed", "discouraged"),
    "Disquietment": ("nervous", "worried", "upset", "anxious", "tense", "pressured", "alarmed"),
    "Fear": ("fear", "suspicious", "afraid", "danger", "threat", "evil", "pain", "horror"),
    "Pain": ("pain", "suffering"),
    "Suffering": ("suffering", "pain", "distressed", "anguish"),
}

POLARITIES = ("positive", "negative", "neutral")


@dataclass(frozen=True, slots=True)
class EmotionWord:
    """A word of the lexicon.

    `lemma` is the word of the lexicon that stands for it when forms are merged: happy for
    happiness, but neither excited for exciting nor tire for tired. `mikels` and `ekman` are
    names of `LABEL_SETS`, or empty. `polarity` is neutral where it depends on the picture.
    """

    word: str
    lemma: str
    mikels: str
    ekman: str
    polarity: str


@cache
def lexicon() -> tuple[EmotionWord, ...]:
    """The emotion words that come with the package, in alphabetical order."""
    text = resources.files("emotionnet").joinpath("lexicon.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(EmotionWord(**row) for row in csv.DictReader(lines))


def word_families(label_set: Literal["mikels8", "ekman6"]) -> dict[str, str]:
    """The family of each word of the lexicon that belongs to one."""
    families = {word.word: word.mikels if label_set == "mikels8" else word.ekman for word in lexicon()}
    return {word: family for word, family in families.items() if family}
