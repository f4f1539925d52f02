import codecs
import os
import pickle
from argparse import Namespace
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotionnet.data.pickles import MAX_DEPTH, read_pickle
from emotionnet.records import DataError

PLAIN = {
    "tag2idx": {"happy": 0, "sad": 1},
    "votes": [["a/1.jpg", Counter({"Peace": 2}), [5.0, None, 2.5], (1, 2, 30, 40)]],
    "args": Namespace(vocab=OrderedDict([("b", 1), ("a", 2)]), static=True),
    "bytes": [b"\x00\xff", {1, 2}, frozenset({3}), 2j, 2**70],
}


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def written(folder: Path, value: Any, protocol: int = 4) -> Path:
    path = folder / "data.pkl"
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_come_back_equal(tmp_path: Path, protocol: int) -> None:
    value = read_pickle(written(tmp_path, PLAIN, protocol))
    assert value == PLAIN
    assert type(value["args"]) is Namespace
    assert type(value["votes"][0][1]) is Counter


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array([["a", "bc"]]),
        np.array([b"x", b"yz"]),
        np.array([True, False]),
        np.array([], dtype=np.int64),
        np.array([(1, 2.5)], dtype=[("n", "i4"), ("x", "f8")]),
        np.array([{"a": [1]}, None, "text"], dtype=object),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_come_back_equal(tmp_path: Path, array: np.ndarray[Any, Any], protocol: int) -> None:
    back = read_pickle(written(tmp_path, array, protocol))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("scalar", [np.float32(1.5), np.int64(-7), np.bool_(True), np.str_("word")])
def test_numpy_scalars_come_back_equal(tmp_path: Path, scalar: Any, protocol: int) -> None:
    back = read_pickle(written(tmp_path, scalar, protocol))
    assert type(back) is type(scalar)
    assert back == scalar


def test_older_and_newer_numpy_spell_their_module_differently(tmp_path: Path) -> None:
    content = pickle.dumps(np.array([1, 2]), protocol=0)
    assert b"numpy._core.multiarray" in content
    older = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert read_pickle(written(tmp_path, older)).tolist() == [1, 2]


def test_a_call_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    path = written(tmp_path, [Calls(os.system, f"touch {proof}")])
    with pytest.raises(DataError) as caught:
        read_pickle(path)
    assert caught.value.faults == (f"{path}: pickle asks for posix.system; only plain data is admitted",)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Calls(eval, "1"), "builtins.eval"),
        (Calls(getattr, "", "upper"), "builtins.getattr"),
        (np.array([Calls(eval, "1")], dtype=object), "builtins.eval"),
        (Path("/etc"), "pathlib"),
        (np.load, "numpy.load"),
    ],
)
def test_everything_else_is_refused_by_name(tmp_path: Path, value: Any, name: str) -> None:
    with pytest.raises(DataError, match=f"pickle asks for {name}"):
        read_pickle(written(tmp_path, value))


def test_dotted_names_do_not_reach_through_an_admitted_module(tmp_path: Path) -> None:
    content = b"\x80\x04\x8c\x0bcollections\x8c\x0c_sys.modules\x93."
    with pytest.raises(DataError, match=r"pickle asks for collections\._sys\.modules"):
        read_pickle(written(tmp_path, content))


@pytest.mark.parametrize("name", [b"ccollections\nCounter\n", b"cargparse\nNamespace\n"])
def test_a_pickle_cannot_change_a_class(tmp_path: Path, name: bytes) -> None:
    written_attribute = name + b"(N}S'update'\nI1\nstb."
    read_pickle(written(tmp_path, written_attribute))
    assert callable(Counter.update)
    assert not hasattr(Namespace, "update")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps(PLAIN)[:-20], "must be a pickle of plain data"),
        (b"", "must be a pickle of plain data; pickle exhausted before seeing STOP"),
        (b"happy\nsad\n", "must be a pickle of plain data"),
        (bytes(range(256)), "must be a pickle of plain data"),
        (b"cnumpy\ndtype\n(S'nonsense'\ntR.", "must be a pickle of plain data"),
        (b"cnumpy\nndarray\n((I9\ntS'b'\ntR.", "must be a pickle of plain data"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I9\ntS'b'\ntR.", "must start empty"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRS'x'\ntR.", "must have 8 bytes; has 1"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRI8\ntR.", "must be bytes; got int"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O'\ntRI8\ntR.", "must not hold Python objects"),
        (b"c_codecs\nencode\n(S'a'\nS'zip'\ntR.", "must be spelled in latin1; got 'zip'"),
        (b"ccollections\nCounter\n(I9\ntR.", "must be made of a dict; got int"),
    ],
)
def test_broken_files_give_one_line_that_names_the_file(tmp_path: Path, content: bytes, reason: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_pickle(path)
    (fault,) = caught.value.faults
    assert fault.startswith(f"{path}: ")
    assert reason in fault
    assert "\n" not in fault


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"in": value}
    return value


def test_nesting_ends_at_the_limit(tmp_path: Path) -> None:
    assert read_pickle(written(tmp_path, nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    path = written(tmp_path, nested(MAX_DEPTH + 1))
    with pytest.raises(DataError, match=f"nested at most {MAX_DEPTH} deep; it is deeper"):
        read_pickle(path)


@pytest.mark.parametrize(
    "content", [b"]" * 100_000 + b"a" * 99_999 + b".", b"(" * 100_000 + b"t" * 100_000 + b"."]
)
def test_very_deep_nesting_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="nested at most 64 deep"):
        read_pickle(written(tmp_path, content))


def test_shared_parts_are_looked_at_once(tmp_path: Path) -> None:
    value: list[Any] = []
    for _ in range(MAX_DEPTH - 1):
        value = [value, value]  # 2 ** 63 paths through 64 lists
    assert read_pickle(written(tmp_path, value))[0] is not None


def doubled(times: int) -> Any:
    value: Any = ()
    for _ in range(times):
        value = (value, value)
    return value


LONG, TEXT, BYTES = tuple(range(50_000)), "x" * 90_000, b"x" * 90_000
OBJECT = np.dtype("O")
SCALAR: Any = np.float64(1).__reduce__()[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x80\x02]r\xff\xff\xff\x0f.", "numbered from 0, one after the other"),
        (b"]p9999999999\n.", "numbered from 0, one after the other"),
        (b"\x80\x02}" + pickle.dumps(doubled(45), 2)[2:-1] + b"K\x01u.", "named again and again"),
        (b"\x80\x02(" + pickle.dumps(doubled(45), 2)[2:-1] + b"\x90.", "named again and again"),
        (b"}(" + b"(" * 90_000 + b"t" * 90_000 + b"K\x01u.", "nested at most 64 deep"),
        (b"}(" + b")" + b"2\x86" * 45 + b"K\x01u.", "named again and again"),
        (b"(c__builtin__\nset\no" + b")2\x86" + b"2\x86" * 45 + b"0.", "named again and again"),
    ],
    ids=["binary number", "number", "dict", "set", "depth", "twice from the stack", "behind a call"],
)
def test_a_small_file_that_would_cost_time_or_memory_without_end_is_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(DataError, match=rf"data\.pkl: must be a pickle of plain data; .*{reason}"):
        read_pickle(written(tmp_path, content))


@pytest.mark.parametrize(
    "call",
    [
        lambda: Calls(set, LONG),
        lambda: Calls(Counter, LONG),
        lambda: Calls(codecs.encode, TEXT, "latin1"),
        lambda: Calls(SCALAR, Dtype("V90000", 3, "|", None, None, None, 90_000, 1, 0), BYTES),
    ],
    ids=["set", "counter", "bytes", "scalar"],
)
def test_calls_that_copy_one_part_again_and_again_are_refused(tmp_path: Path, call: Any) -> None:
    assert read_pickle(written(tmp_path, call(), 4)) is not None
    with pytest.raises(DataError, match="its calls copy far more than it holds"):
        read_pickle(written(tmp_path, [call() for _ in range(100)], 4))


class Dtype:
    """Pickles as a numpy dtype with a state of one's own."""

    def __init__(self, kind: str, *state: Any) -> None:
        self.kind, self.state = kind, state

    def __reduce__(self) -> tuple[Any, ...]:
        return np.dtype, (self.kind, False, True), self.state


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        (
            Dtype("V8", 3, "|", None, ("a",), {"a": (OBJECT, 0)}, 8, 1, 0),
            "must not hold Python objects",
        ),
        (Dtype("V8", 3, "|", None, ("a",), {"a": (np.dtype("f8"), 4)}, 8, 1, 0), "plain data"),
        (Dtype("V8", 3, "|", (np.dtype("u1"), (8,)), None, None, 8, 1, 0), "no dates, metadata and inner"),
        (Dtype("f8", 4, "<", None, None, None, -1, -1, 0, {}), "no dates, metadata and inner"),
        (Dtype("f8", 3, "?", None, None, None, -1, -1, 0), "byte order"),
        (Dtype("f8", 3, "<", None, "a", {}, 8, 1, 63), "must have names, kinds and places"),
        (Dtype("O8", 3, "|", None, None, None, -1, -1, 0), "must not hold Python objects"),
        (Dtype("M8[s]", 3, "<", None, None, None, -1, -1, 0), "simple kind"),
        ("f8", "must be one; got str"),
    ],
)
def test_a_dtype_is_made_here_and_flags_of_the_file_do_not_count(
    tmp_path: Path, dtype: Any, reason: str
) -> None:
    """With numpy's own dtype the first of these would take eight bytes of the file for an address."""
    with pytest.raises(DataError, match=reason):
        read_pickle(written(tmp_path, Calls(SCALAR, dtype, b"AAAAAAAA")))


def test_flags_that_lie_change_nothing(tmp_path: Path) -> None:
    dtype = Dtype("V8", 3, "|", None, None, None, 8, 1, 63)  # 63: holds objects, in numpy's own dtype
    assert read_pickle(written(tmp_path, Calls(SCALAR, dtype, b"AAAAAAAA"))).tobytes() == b"AAAAAAAA"


def test_other_byte_orders_and_nested_fields_come_back_equal(tmp_path: Path) -> None:
    inner = np.dtype([("x", ">f4"), ("name", "U3")], align=True)
    for array in (
        np.arange(3, dtype=">i4"),
        np.array([(1, (2.5, "abc"))], dtype=[("n", "i8"), ("in", inner)]),
        np.zeros((0, 5), dtype=np.float16),
    ):
        back = read_pickle(written(tmp_path, array))
        own = pickle.loads(pickle.dumps(array, protocol=4))  # numpy gives numbers the machine's order
        assert (back.dtype, back.shape) == (own.dtype, own.shape)
        np.testing.assert_array_equal(back, array)


EMPTY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
DOUBLE = b"cnumpy\ndtype\n(S'f8'\ntR"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (b"(I1\n(I2\nt" + DOUBLE + b"I00\nS'x'\ntb", "content of an array must fit its shape"),
        (b"(I1\n(I-1\nt" + DOUBLE + b"I00\nS''\ntb", "must be a tuple of integers from 0"),
        (b"(I1\n(I1\ntS'f8'\nI00\nS'xxxxxxxx'\ntb", "must be one; got str"),
        (b"(I1\nI1\ntb", "filled once, with shape, dtype and content"),
        (2 * (b"(I1\n(I1\nt" + DOUBLE + b"I00\nS'xxxxxxxx'\ntb"), "must be filled once"),
        (b"(I1\n(I1\ntcnumpy\ndtype\n(S'O'\ntRI00\nS'xxxxxxxx'\ntb", "must fit its shape"),
    ],
)
def test_an_array_takes_content_that_fits_and_takes_it_once(
    tmp_path: Path, state: bytes, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        read_pickle(written(tmp_path, EMPTY + state + b"."))


def test_a_name_in_a_message_is_one_short_line(tmp_path: Path) -> None:
    content = b"\x80\x04X" + (1500).to_bytes(4, "little") + b"a\nb" * 500 + b"X\x01\0\0\0x\x93."
    with pytest.raises(DataError) as error:
        read_pickle(written(tmp_path, content))
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < len(str(tmp_path)) + 300


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.pkl: file not found"):
        read_pickle(tmp_path / "none.pkl")


def test_a_file_above_the_limit_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionnet.data.pickles.MAX_BYTES", 10)
    path = written(tmp_path, PLAIN)
    with pytest.raises(DataError, match="must have at most 10 bytes; has "):
        read_pickle(path)


def test_a_tuple_that_is_filled_with_nothing_still_counts_whole(tmp_path: Path) -> None:
    """Steps that fill a list, a dict or an object do nothing where they bring nothing, even to a tuple."""
    for nothing in (b"Nb", b"(e", b"(u", b"(\x90"):
        content = b"}()" + (b"2\x86" + nothing) * 45 + b"K\x01u."
        with pytest.raises(DataError, match="named again and again"):
            read_pickle(written(tmp_path, content))
        deep = b"(" * 90 + (b"t" + nothing) * 90 + b"."
        with pytest.raises(DataError, match="nested at most 64 deep"):
            read_pickle(written(tmp_path, deep))


def test_a_call_pays_for_all_that_it_hashes(tmp_path: Path) -> None:
    """One list with a tuple of a million entries in it, of which a set is made again and again."""
    million = b")" + b"2\x86" * 20
    again = b"c__builtin__\nset\n(h\x00tR0"
    with pytest.raises(DataError, match="its calls copy far more than it holds"):
        read_pickle(written(tmp_path, b"(" + million + b"lq\x000" + again * 10_000 + b"N."))


def test_a_long_number_counts_by_its_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = b"\x8b" + (160_000).to_bytes(4, "little") + b"\x01" * 160_000  # whose hash reads all of them
    content = b"](" + number + b"q\x00" + b"h\x00" * 9 + b"e."
    assert len(read_pickle(written(tmp_path, content))) == 10
    monkeypatch.setattr("emotionnet.data.pickle_steps.MAX_REPEATED", 90_000)
    with pytest.raises(DataError, match="named again and again"):
        read_pickle(written(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [b"\x80\x04\x8e" + (10**10).to_bytes(8, "little") + b"xx.", b"T\xff\xff\xff\xff.", b"X\x09\0\0\0ab."],
    ids=["ten gigabytes", "negative", "cut off"],
)
def test_a_length_that_lies_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"data\.pkl: must be a pickle of plain data; "):
        read_pickle(written(tmp_path, content))
