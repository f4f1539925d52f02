from pathlib import Path

import pytest

from emotionnet.data.shards.member import Shard, ShardMember
from emotionnet.data.shares import Share
from emotionnet.records import DataError


def test_a_share_is_every_nth_item() -> None:
    assert Share.parse("3/16") == Share(3, 16)
    assert str(Share(3, 16)) == "3/16"
    assert Share(1, 3).of(range(8)) == [1, 4, 7]
    assert Share(2, 3).of([5]) == []


@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_all_shares_together_hold_each_item_once(count: int) -> None:
    items = list(range(17))
    shares = [Share(number, count).of(items) for number in range(count)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_pictures_of_tar_files_are_shared_side_by_side() -> None:
    tars = [Shard(f"{number}.tar", 10**6, "0" * 64) for number in range(4)]
    members = [ShardMember(tar, f"{key}.jpg", 512 * key, 100) for tar in tars for key in range(5)]
    files = [Path(f"{number}.jpg") for number in range(7)]
    shares = [Share(number, 3).of_pictures([*files, *members]) for number in range(3)]
    assert sorted((file for share in shares for file in share), key=str) == sorted(
        [*files, *members], key=str
    )
    assert shares[0] == [files[0], files[3], files[6], *members[:6]]
    assert sum(len({one.shard for one in share if isinstance(one, ShardMember)}) for share in shares) <= 4 + 2


@pytest.mark.parametrize("text", ["16/16", "-1/4", "1", "1/0", "a/b", "", " 1/2", "1/2/3", "²/3"])
def test_what_is_no_share_is_told(text: str) -> None:
    with pytest.raises(DataError) as error:
        Share.parse(text)
    assert error.value.faults == (f"shard must be i/n with 0 <= i < n (the first is 0/n); got {text!r}",)
