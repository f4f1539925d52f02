"""model.json: what a network is, so that it can be built again without its training config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from emotionnet.config_files import description_error
from emotionnet.data.images import Preprocessing
from emotionnet.files import read_json, write_json
from emotionnet.records import DataError
from emotionnet.runs import MODEL

UNKNOWN = "unknown"  # what a converted file does not say: the data set that it was trained on
LEAST_RISE = 1e-6  # from one end of a scale to the other, since it is divided by
MAX_SIZE = 2**16  # of a layer's side: far above any use, and memory is asked for by it
Size = Annotated[int, Field(ge=1, le=MAX_SIZE)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] + LEAST_RISE <= ends[1]:
        least = f"the second must be above the first, by at least {LEAST_RISE}"
        raise ValueError(f"{least}; got {ends[0]} and {ends[1]}")
    return ends


class Domain(BaseModel):
    """What a model was trained on; it says nothing about other pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    data_hash: str
    licences: dict[str, str]
    unseen: tuple[str, ...]


class Fitted(BaseModel):
    """A number fitted to a trained network, such as a threshold or a temperature, and on what.

    `data_hash` is the `Dataset.split_hash` of the split that it was fitted on: scores on that
    split are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    value: float
    data_hash: str


End = Annotated[float, Field(ge=0, le=3)]  # of a scale of cosine distances, which are at most 2, or of shares
Ends = Annotated[tuple[End, End], AfterValidator(_rising)]


class ContrastFit(BaseModel):
    """Of a guard: how many pictures of noise it holds, and its two scales; see `inference.guard.Contrast`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pictures: int = Field(ge=1, le=MAX_SIZE)
    near: Ends
    share: Ends


class GuardFit(BaseModel):
    """What tells pictures unlike those of training (`inference.guard`), and how it was fitted.

    A picture is outside whose distance to the nearest but `neighbours - 1` of `pictures` training pictures,
    held against a `contrast` where there is one, is above `threshold`: so far that a picture of a group like
    the `groups` of validation is inside with a probability of at least `quantile`. `data_hash` is the
    `Dataset.split_hash` of validation. It changes no score, and so no split is refused for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Literal["neighbours"] = "neighbours"
    neighbours: int = Field(ge=1, le=MAX_SIZE)
    pictures: int = Field(ge=1, le=MAX_SIZE)
    threshold: float = Field(ge=0)
    contrast: ContrastFit | None = None
    quantile: float = Field(gt=0, le=1)
    groups: int = Field(ge=1)
    data_hash: str

    @model_validator(mode="after")
    def _has_so_many(self) -> GuardFit:
        if self.neighbours > self.pictures:
            raise ValueError(f"neighbours must be at most pictures, {self.pictures}; got {self.neighbours}")
        return self


class Thresholds(BaseModel):
    """From which probability an emotion counts: where F1 of validation groups is best.

    An emotion with too few positive groups has none. `data_hash` as that of `GuardFit`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    values: dict[str, Annotated[float, Field(ge=0, le=1)]]
    data_hash: str


class ImageModel(BaseModel):
    """An `EmotionNet`: trunk, shape of the heads, labels and preprocessing.

    `activation` makes probabilities of the scores: softmax where emotions share them, sigmoid where each
    stands for itself. `dimensions` are the names of the outputs of the head for valence and its like.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    kind: Literal["image"] = "image"
    trunk: str
    weights: str
    shape: Literal["plain", "2branch", "joint", "3branch"]
    emotions: Names
    activation: Literal["softmax", "sigmoid"] = "softmax"
    dimensions: tuple[str, ...] = ()
    embedding_size: Size | None
    aux_emotions: Names | None
    preprocessing: Preprocessing
    domain: Domain
    fitted: tuple[Fitted, ...] = ()
    guard: GuardFit | None = None
    thresholds: Thresholds | None = None


class TextModel(BaseModel):
    """A `TextTeacher`: the vocabulary whose ids it reads, and the emotions it tells.

    Tags in `without` are left out of every sentence that it reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    kind: Literal["text"] = "text"
    architecture: Literal["nlt", "nlt-dan", "avg"] = "nlt"
    emotions: Names
    tags: Names
    without: tuple[str, ...] = ()
    word_dim: Size
    width: Size
    max_tags: Size
    dropout: Annotated[float, Field(ge=0, le=1)]
    static: bool
    domain: Domain


Model = TypeVar("Model", ImageModel, TextModel)
_KINDS: TypeAdapter[ImageModel | TextModel] = TypeAdapter(
    Annotated[ImageModel | TextModel, Field(discriminator="kind")]
)


def write_description(run: Path, model: ImageModel | TextModel) -> None:
    """Write `model.json` into a RUN."""
    write_json(run / MODEL, model.model_dump(mode="json"))


def read_description(run: Path, kind: type[Model]) -> Model:
    """Read `model.json` of a RUN.

    Args:
        run: The RUN folder.
        kind: `ImageModel`, or `TextModel` for a TEACHER.

    Raises:
        DataError: The file is missing, no description of a model (one line for each fault), or of
            the other kind.
    """
    path = run / MODEL
    try:
        model = _KINDS.validate_python(read_json(path))
    except ValidationError as error:
        raise description_error(path, error) from None
    if not isinstance(model, kind):
        wanted = "an image network" if kind is ImageModel else "a text model (a TEACHER)"
        raise DataError(f"{run}: must be a run of {wanted}; its {MODEL} says kind {model.kind!r}")
    return model
