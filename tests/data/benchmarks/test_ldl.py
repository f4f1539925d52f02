"""Flickr_LDL and Twitter_LDL: votes in an order of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from emotionnet.data.benchmarks.benchmark import Benchmark
from emotionnet.data.benchmarks.ldl import FLICKR_LDL, TWITTER_LDL, VOTE_ORDER
from emotionnet.records import DataError


def write(root: Path, indices: object, votes: object, suffix: str = "fli") -> None:
    savemat(root / f"data_{suffix}.mat", {"ind": np.array(indices)})
    savemat(root / f"nvote_{suffix}.mat", {"n_vote_all": np.array(votes)})


@pytest.mark.parametrize(("benchmark", "suffix"), [(FLICKR_LDL, "fli"), (TWITTER_LDL, "twi")])
def test_votes_go_to_their_labels_by_name(tmp_path: Path, benchmark: Benchmark, suffix: str) -> None:
    """By place the second column, awe, would become anger, as in FI's order."""
    votes = np.zeros((4, 8), dtype=np.uint8)
    votes[0, 1] = 7  # awe
    votes[1, 4], votes[1, 2] = 5, 3  # anger, contentment
    votes[2, 7] = 11  # sadness
    write(tmp_path, [[12, 7, 30, 2]], votes, suffix)
    found = benchmark.read(tmp_path, "all")
    assert [record.path for record in found] == ["12.jpg", "7.jpg", "30.jpg", "2.jpg"]
    named = [
        {benchmark.labels[label]: weight for label, weight in zip(r.labels, r.label_weights, strict=True)}
        for r in found
    ]
    assert named == [{"awe": 7}, {"anger": 5, "contentment": 3}, {"sadness": 11}, {}]


def test_each_column_has_its_name(tmp_path: Path) -> None:
    write(tmp_path, np.arange(8)[:, None], np.eye(8))
    found = FLICKR_LDL.read(tmp_path, "all")
    assert tuple(FLICKR_LDL.labels[record.labels[0]] for record in found) == VOTE_ORDER
    assert VOTE_ORDER[:4] == ("amusement", "awe", "contentment", "excitement")


def test_faults(tmp_path: Path) -> None:
    def faults(indices: object, votes: object) -> str:
        write(tmp_path, indices, votes)
        with pytest.raises(DataError) as told:
            FLICKR_LDL.read(tmp_path, "all")
        return str(told.value)

    assert "must hold 8 numbers for each of the 2 pictures of data_fli.mat; got shape (2, 7)" in faults(
        [1, 2], np.ones((2, 7))
    )
    assert "data_fli.mat: picture 2: votes must be numbers of at least 0; got [-1.0" in faults(
        [1, 2], [[1.0] * 8, [-1.0] * 8]
    )
    assert "picture 1: ind must be whole numbers of at least 0; got 1.5" in faults([1.5], np.ones((1, 8)))
    assert "picture 2: a picture must have one label; '1.jpg' stood before" in faults(
        [1, 1], np.arange(16).reshape(2, 8)
    )
    (tmp_path / "nvote_fli.mat").unlink()
    with pytest.raises(DataError, match=r"nvote_fli.mat: file not found"):
        FLICKR_LDL.read(tmp_path, "all")
