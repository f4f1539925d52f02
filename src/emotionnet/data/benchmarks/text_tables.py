"""Text files of benchmarks, in the encodings and with the faults that they have in the wild.

    faults = Faults()
    for where, row in rows(path, faults, delimiter=","):
        with faults.at(where):
            valence = finite(row["valence"], "valence", -3, 3)
    faults.raise_any()

Every row is looked at before anything is raised, so that one look shows all that is wrong.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from emotionnet.data.row_checks import RowError, require_path, shown
from emotionnet.records import DataError

MAX_BYTES = 512 * 1024 * 1024
MAX_FAULTS = 10
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Faults:
    """What is wrong with a copy: the first ten faults in full, the rest counted."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.more = 0

    def add(self, *texts: str) -> None:
        """Note faults; each says what must hold, what was found and where."""
        for text in texts:
            if len(self.texts) < MAX_FAULTS:
                self.texts.append(text)
            else:
                self.more += 1

    @contextlib.contextmanager
    def at(self, where: object) -> Iterator[None]:
        """Note a RowError of the block under its place, and any DataError as it is; the block ends there."""
        try:
            yield
        except RowError as error:
            self.add(f"{where}: {error}")
        except DataError as error:
            self.add(*error.faults)

    def raise_any(self) -> None:
        """Raise what was noted.

        Raises:
            DataError: Something was.
        """
        if self.texts:
            raise DataError([*self.texts, *([f"and {self.more} more faults"] if self.more else [])])


def read_text(path: Path) -> str:
    """A whole text file: UTF-8, UTF-16 with a byte order mark, or else Latin-1.

    Raises:
        DataError: It is missing, too large or no text.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: a text file must have at most {MAX_BYTES:,} bytes; has {size:,}")
        content = path.read_bytes()
        text = content.decode(_encoding(content))
    except FileNotFoundError:
        raise DataError(f"{path}: file not found") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from None
    if "\0" in text:
        raise DataError(f"{path}: must be text; it holds null bytes")
    return text


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file that are not blank, without white space around, each after its `path:number`.

    Raises:
        DataError: As `read_text`.
    """
    for number, line in enumerate(io.StringIO(read_text(path), newline=None), start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def rows(
    path: Path,
    faults: Faults,
    *,
    delimiter: str | None,
    columns: Sequence[str] | None = None,
    needs: Sequence[str] = (),
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table, each after its `path:line`, as column to text without white space around.

    Args:
        path: The file.
        faults: Where rows with another number of columns are noted; they are not given.
        delimiter: What parts the columns: a comma (quotes count), a tab (they do not), or None for white
            space, of which the first column may hold some too.
        columns: Their names, where the file has no header line.
        needs: Names that the header must have.

    Raises:
        DataError: As `read_text`, or the header lacks a column.
    """
    table = _split(path, faults, delimiter, columns)
    if columns is None:
        where, header = next(table, (str(path), []))
        columns = _checked_header(where, header, needs)
    for where, values in table:
        if len(values) == len(columns):
            yield where, dict(zip(columns, values, strict=True))
        else:
            found = shown(" ".join(values))
            faults.add(f"{where}: a row must have {len(columns)} columns; has {len(values)}: {found}")


def finite(text: str, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A number within bounds, both included.

    Raises:
        RowError: It is none, NaN, infinite or outside.
    """
    value = math.nan
    with contextlib.suppress(ValueError):
        value = math.nan if "_" in text else float(text)
    if not math.isfinite(value) or not low <= value <= high:
        bounds = "" if low == -math.inf and high == math.inf else f" from {low:g} to {high:g}"
        raise RowError(f"{what} must be a number{bounds}; got {shown(text)}")
    return value


def whole(text: str, what: str, low: int, high: int) -> int:
    """A whole number within bounds, both included.

    Raises:
        RowError: It is none or outside.
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19 and low <= int(text) <= high):
        raise RowError(f"{what} must be a whole number from {low} to {high}; got {shown(text)}")
    return int(text)


def label_index(name: str, labels: Sequence[str], aliases: Mapping[str, str] | None = None) -> int:
    """The place of a label's name, whatever its case, or of the name that it stands for.

    Raises:
        RowError: The name is unknown.
    """
    plain = name.strip().lower()
    plain = (aliases or {}).get(plain, plain)
    for index, label in enumerate(labels):
        if label.lower() == plain:
            return index
    raise RowError(f"a label must be one of {', '.join(labels)}; got {shown(name)}")


def inner_path(path: str) -> str:
    """A path that a file lists, with forward slashes and without './'.

    Raises:
        RowError: It is empty, absolute or leaves the folder.
    """
    require_path(path)
    return "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))


def _encoding(content: bytes) -> str:
    if content.startswith(_UTF_16):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _split(
    path: Path, faults: Faults, delimiter: str | None, columns: Sequence[str] | None
) -> Iterator[tuple[str, list[str]]]:
    if delimiter is None:
        most = len(columns) - 1 if columns else -1
        for where, line in lines(path):
            yield where, line.rsplit(None, most)
        return
    reader = csv.reader(
        io.StringIO(read_text(path), newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
    )
    start = 1
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            faults.add(f"{path}:{start}: must be a row of a table ({error})")
            values = []
        if values is None:
            return
        if any(value.strip() for value in values):
            yield f"{path}:{start}", [value.strip() for value in values]
        start = reader.line_num + 1


def _checked_header(where: str, header: Sequence[str], needs: Sequence[str]) -> list[str]:
    missing = [name for name in needs if name not in header]
    if missing:
        found = shown(", ".join(header))
        raise DataError(f"{where}: the header must name {', '.join(missing)}; got {found}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{where}: a header must name each column once; {shown(twice[0])} stands more often")
    return list(header)
