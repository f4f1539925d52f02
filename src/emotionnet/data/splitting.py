"""Draw the splits that the files of a data set do not give.

By group, since pictures of one group are never in two splits, and stratified by label. The order within a
label is that of a hash of seed and group: neither the order of files nor Python's or NumPy's version matters.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from emotionnet.data.benchmarks.benchmark import Protocol
from emotionnet.files import read_object
from emotionnet.records import SPLITS, DataError, ImageRecord

VAL_SHARE = 0.1  # of train, where files give train without val
_FIRST = ("train", "test", "val")  # who gets a group of a label that has few
_NO_LABEL = -1


def draw_splits(
    records: Sequence[ImageRecord], protocol: Protocol, *, seed: int, fold: int = 0
) -> dict[str, str]:
    """The split of each group: by the protocol's shares, or one of its folds for test and a share for val.

    Each label's groups are shared out so that a split has its share of them, rounded up or down, and of all
    groups together. A label with one group has it in train, with two in train and test, with three in each.

    Args:
        records: Pictures with labels as indices, in any order.
        protocol: Shares of train, val and test; or folds, and `val` as a share of what is no test.
        seed: Another seed, other splits.
        fold: Which fold is the test split, 0 to folds - 1; 0 where the protocol has none.

    Raises:
        DataError: There is no such fold.
    """
    strata = _strata(records, seed)
    if not protocol.folds:
        if fold:
            raise DataError(f"data.fold: must be 0 where a protocol has no folds; got {fold}")
        return _deal(strata, {"train": protocol.train, "val": protocol.val, "test": protocol.test})
    if not fold < protocol.folds:
        raise DataError(f"data.fold: must be in 0..{protocol.folds - 1}; got {fold}")
    in_turn = [group for groups in strata for group in groups]
    test = {group for place, group in enumerate(in_turn) if place % protocol.folds == fold}
    rest = [[group for group in groups if group not in test] for groups in strata]
    return dict.fromkeys(sorted(test), "test") | _deal(rest, {"train": 1 - protocol.val, "val": protocol.val})


def draw_val(records: Sequence[ImageRecord], *, seed: int, share: float = VAL_SHARE) -> dict[str, str]:
    """Train or val for each group of pictures that the files give as train; `share` becomes val."""
    return _deal(_strata(records, seed), {"train": 1 - share, "val": share})


def read_assigned(path: Path) -> dict[str, str]:
    """The split of each id, as a run wrote it where splits were drawn for it.

    Raises:
        DataError: The file is missing, broken, or has an id in two splits.
    """
    splits = read_object(path).get("splits")
    if not isinstance(splits, dict) or not all(
        isinstance(splits.get(split), list) and all(isinstance(name, str) for name in splits[split])
        for split in SPLITS
    ):
        raise DataError(f"{path}: splits must be lists of ids of {', '.join(SPLITS)}; they are not")
    split_of = {name: split for split in SPLITS for name in splits[split]}
    if len(split_of) != sum(len(splits[split]) for split in SPLITS):
        raise DataError(f"{path}: an id must stand once; some stand twice")
    return split_of


def _strata(records: Iterable[ImageRecord], seed: int) -> list[list[str]]:
    """The groups of each label in an order that the seed sets, the label with the fewest groups first.

    Of several labels the one counts that the fewest groups carry; of labels with weights, the heaviest.
    """
    labels: dict[str, set[int]] = {}
    for record in records:
        labels.setdefault(record.group, set()).update(_telling(record))
    counts = Counter(label for carried in labels.values() for label in carried)
    members: dict[int, list[str]] = {}
    for group, carried in labels.items():
        rarest = min(carried, key=lambda label: (counts[label], label), default=_NO_LABEL)
        members.setdefault(rarest, []).append(group)
    in_order = sorted(members, key=lambda label: (len(members[label]), label))
    return [sorted(members[label], key=lambda group: _place(seed, group)) for label in in_order]


def _telling(record: ImageRecord) -> tuple[int, ...]:
    if not record.label_weights or not record.labels:
        return record.labels
    heaviest = max(zip(record.label_weights, record.labels, strict=True), key=lambda one: (one[0], -one[1]))
    return heaviest[1:]


def _place(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{group}".encode(errors="surrogatepass")).digest()


def _deal(strata: Sequence[Sequence[str]], shares: Mapping[str, float]) -> dict[str, str]:
    """Share out each label's groups; what rounding owes to a split is made up for at the next label."""
    splits = [split for split in _FIRST if shares.get(split, 0) > 0]
    owed = dict.fromkeys(splits, 0.0)
    dealt: dict[str, str] = {}
    for groups in strata:
        due = {split: shares[split] * len(groups) for split in splits}
        counts = _counts(len(groups), due, owed)
        owed = {split: owed[split] + due[split] - counts[split] for split in splits}
        names = (split for split in splits for _ in range(counts[split]))
        dealt |= dict(zip(groups, names, strict=True))
    return dealt


def _counts(total: int, due: Mapping[str, float], owed: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that sum to `total`, each due rounded up or down, and none 0 while there are enough."""
    counts = {split: int(value + 1e-9) for split, value in due.items()}
    behind = sorted(due, key=lambda split: counts[split] - due[split] - owed[split])
    for split in behind[: total - sum(counts.values())]:
        counts[split] += 1
    for split in list(due)[:total]:
        if not counts[split]:
            counts[max(counts, key=lambda other: counts[other])] -= 1
            counts[split] = 1
    return counts
