"""What is said of a record before emotions are counted: which groups come together, which are twins."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from emotionnet.curation.gathering import gather
from emotionnet.curation.pool import STEPS, Pool, usable_records
from emotionnet.curation.sources import SOURCE_SCHEMA, Source
from emotionnet.curation.tags import emotion_vocabulary
from emotionnet.curation.work_files import Rejects

LEXICON = emotion_vocabulary(None)


def hashed(*bits: int) -> bytes:
    """A hash in which only the bits with these numbers are set."""
    return np.packbits(np.isin(np.arange(256), bits).astype(np.uint8)).tobytes()


def pool_of(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> Pool:
    """Records that are URLs; each carries an emotion word and a tag of its own."""
    folder.mkdir()
    filled = [
        {"id": f"r{n}", "image": f"http://x/{n}", "tags": ["sad", f"tag {chr(97 + n)}"], **row}
        for n, row in enumerate(rows)
    ]
    source = Source(
        "web", folder, [pl.DataFrame(filled[:2], SOURCE_SCHEMA), pl.DataFrame(filled[2:], SOURCE_SCHEMA)]
    )
    gathered = gather(
        source, LEXICON, Rejects(folder, STEPS), folder, language=None, licence="none", licences=None
    )
    return usable_records(gathered, LEXICON, folder, **{"near_duplicate_bits": 1, **settings})


def test_groups_come_together_through_look_alikes_of_one_source(tmp_path: Path) -> None:
    """b looks like r2, which is of group a; r3 looks like both, but is of another source; e has no look."""
    rows: list[dict[str, Any]] = [
        {"group": "b", "look": hashed(1, 2)},
        {"group": "b", "look": hashed(9, 10)},
        {"group": "a", "look": hashed(1, 2, 3)},
        {"look": hashed(1, 2), "source": "other"},
        {"group": "e"},
        {"group": "d", "look": hashed(9)},
        {"group": "c", "look": hashed(100)},
    ]
    pool = pool_of(tmp_path / "one", rows)
    assert pool.names_N.tolist() == [1, 1, 0, 5, 4, 3, 2], "a b c d e r3: in the order of the names"
    assert pool.groups_N.tolist() == [0, 0, 0, 5, 4, 0, 2]
    apart = pool_of(tmp_path / "two", rows, near_duplicate_bits=0)
    assert apart.groups_N.tolist() == apart.names_N.tolist()


def test_the_look_of_a_record_that_is_out_joins_nothing(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"sha256": "1", "look": hashed(7)},
        {"sha256": "1", "look": hashed(1), "group": "g"},
        {"sha256": "2", "look": hashed(1)},
        {"sha256": "3", "group": "g"},
    ]
    pool = pool_of(tmp_path / "one", rows)
    assert pool.fates.alive().tolist() == [True, False, True, True]
    assert len(set(pool.groups_N[[0, 2, 3]].tolist())) == 3


def test_twins_are_of_the_first_that_is_still_in(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"image": "http://x/a", "group": "g"},
        {"image": "http://x/a", "group": "g"},
        {"image": "http://x/a"},
        {"tags": ["tag q", "sadness^2", "SAD"]},
        {"tags": ["sad", "tag_q"]},
        {"tags": ["sad", "tag_q"], "source": "other"},
    ]
    pool = pool_of(tmp_path / "one", rows, group_pictures=1, seed=2)
    out = [STEPS[step] for step in pool.fates.step_N]
    first, second = ("share", "source") if out[0] == "share" else ("source", "share")
    assert out == [first, second, "picture", "source", "tags", "source"]
    assert pool.twins_N[2] == out.index("source")
    assert pool.twins_N[4] == 3
    kept = [step.kept for step in pool.fates.steps]
    assert kept == [6, 6, 5, 5, 4, 3]
