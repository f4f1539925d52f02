"""What goes over the wire, for the OpenAPI description, which programs are written from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from emotionnet.search.query import HITS, MAX_HITS, MAX_LIKE, MAX_WORDS, Query, parse_query

PICTURE = {"type": "string", "format": "binary"}
PICTURE_KINDS = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
PictureId = Annotated[str, Field(pattern="^[0-9a-f]{16}$", description="Of a picture of the index.")]

Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", json_schema_extra={"format": "date"})]
BoundText = Annotated[str, Field(pattern=r"^[^<>]*[^<>\s]\s*[<>]\s*(0|1|0?\.[0-9]{1,9})$", max_length=200)]


class Reply(BaseModel):
    """An answer in JSON; later versions may say more."""

    model_config = ConfigDict(frozen=True)


class ErrorDetail(Reply):
    """One part of the request that is at fault."""

    image: str | None = None
    where: str | None = None
    code: str | None = None
    message: str


class ErrorBody(Reply):
    code: str
    message: str
    details: list[ErrorDetail] | None = None


class ErrorReply(Reply):
    """Every error."""

    error: ErrorBody


class Probability(Reply):
    name: str
    probability: float


class Cosine(Reply):
    name: str
    cosine: float


class DimensionValue(Reply):
    name: str
    value: float


class PictureDomain(Reply):
    """Whether the picture is like those of training."""

    trained_on: str
    outside: bool
    distance: float
    threshold: float


class PredictionReply(Reply):
    """What one picture may evoke; `image` is the name it was sent by."""

    schema_version: int
    image: str
    domain: PictureDomain | None = None
    emotions: list[Probability]
    tags: list[Cosine]
    dimensions: list[DimensionValue] | None = None
    derived: bool | None = None


class PredictionsReply(Reply):
    schema_version: int
    predictions: list[PredictionReply]


class TaughtWord(Reply):
    """A taught word: its cross-validated average precision, and what chance would reach."""

    word: str
    score: float | None
    chance: float | None
    marks: int


class TaughtReply(Reply):
    """What came of teaching: how many pictures are marked, and how well the word is told from others."""

    word: str
    yes: int
    no: int
    background: int
    score: float | None
    chance: float | None
    why: str | None = None


class IndexSize(Reply):
    pictures: int


class LabelsReply(Reply):
    """What can be asked for; `suggestions` only with a prefix."""

    emotions: list[str]
    taught: list[TaughtWord]
    trained_on: str
    model: str
    index: IndexSize | None
    suggestions: list[str] | None = None


class HitReply(Reply):
    """A picture that was found."""

    id: str
    path: str
    score: float
    emotions: list[Probability]
    duplicates: list[str]
    thumbnail: str
    picture: str


class SearchReply(Reply):
    schema_version: int
    query: str
    hits: list[HitReply]
    notes: list[str]


class Marks(BaseModel):
    """A word, and pictures that it fits and does not fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: str = Field(min_length=1, max_length=64)
    yes: list[PictureId] = Field(default_factory=list, max_length=2000)
    no: list[PictureId] = Field(default_factory=list, max_length=2000)


class SearchFields(BaseModel):
    """What is searched for; at least words, pictures to be like, or a bound."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: str = Field("", max_length=1000, description='Words: serene "broken heart":2')
    unwanted: list[str] = Field(
        default_factory=list, alias="not", max_length=MAX_WORDS, description="Words that are not wanted."
    )
    like: list[PictureId] = Field(
        default_factory=list, max_length=MAX_LIKE, description="Pictures of the index."
    )
    emotion: list[BoundText] = Field(
        default_factory=list, max_length=MAX_WORDS, description="Bounds of probabilities: joy>0.3"
    )
    folder: str | None = Field(None, max_length=1000, description="Where the pictures lie.")
    taken_from: Day | None = Field(None, alias="from", description="The first day.")
    taken_to: Day | None = Field(None, alias="to", description="The last day.")
    k: int = Field(HITS, ge=1, le=MAX_HITS, description="How many pictures.")

    def query(self, picture: bytes | None = None) -> Query:
        """The question; `picture` is one that comes from outside of the index.

        Raises:
            DataError: As `parse_query`.
        """
        brought = [] if picture is None else [picture]
        return parse_query(
            self.q,
            not_=self.unwanted,
            emotion=self.emotion,
            like=[*self.like, *brought],
            folder=self.folder,
            taken=(self.taken_from, self.taken_to),
            k=self.k,
        )


class StatusReply(Reply):
    status: str


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an operation; those of the gate and our own (401, 403, 500) may come anywhere."""
    said = {
        400: "The request is malformed.",
        401: "A token is needed.",
        403: "The request came by another host's name, or from a page of another site.",
        404: "There is no such thing, or the server has no index.",
        408: "The body came too slowly.",
        413: "There is too much of it: bytes, pixels, files, or what a picture's file consists of.",
        415: "It is no picture, or the body is of another type.",
        422: "A parameter or a picture cannot be used.",
        429: "As much waits as may; Retry-After tells for how many seconds.",
        500: "The server failed.",
        503: "It could not be done in time, or the index cannot be read.",
    }
    told: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorReply, "description": said[status]}
        for status in sorted({*statuses, 401, 403, 500})
    }
    if 429 in told:
        told[429]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return told


def pictures_body(*, many: bool) -> dict[str, Any]:
    """The body of an operation that takes pictures: a form with files, or one picture as it is."""
    files = {"type": "array", "items": PICTURE, "minItems": 1, "maxItems": 16} if many else PICTURE
    name = "files" if many else "file"
    form = {"type": "object", "properties": {name: files}, "required": [name]}
    kinds = {kind: {"schema": PICTURE} for kind in PICTURE_KINDS}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}, **kinds}}}


def content(kind: str, model: type[BaseModel] | None = None) -> dict[str, Any]:
    """What a body or an answer of one type holds; no model: bytes."""
    schema = PICTURE if model is None else model.model_json_schema()
    return {"description": "Success.", "content": {kind: {"schema": schema}}}
