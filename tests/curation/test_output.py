import pytest

from emotionnet.curation.output import picture_path


@pytest.mark.parametrize(
    ("source", "record", "image", "path"),
    [
        ("google", "google/1f600", "google/1f600.png", "images/google/1f600.png"),
        ("records", "12", "a/b.JPG", "images/records/12.jpg"),
        ("records", "12", "strange.exe", "images/records/12"),
    ],
)
def test_safe_names_stay(source: str, record: str, image: str, path: str) -> None:
    assert picture_path(source, record, image) == path


def test_other_names_are_made_safe_and_stay_apart() -> None:
    names = ["../../x", "a/b", "a_b", "A_b", "ä_b", "", "..", "con\0", "x" * 300, "x" * 301]
    paths = [picture_path("s", name, "a.png") for name in names]
    assert len({path.lower() for path in paths}) == len(names)
    assert paths[2] == "images/s/a_b.png"
    for path in paths:
        assert path.startswith("images/s/")
        assert path.count("/") == 2
        assert "." not in path.removesuffix(".png")
        assert len(path) < 120
