import pytest

from emotionnet.curation.emoji_groups import emoji_groups

NAMES = {
    "1F938": "person cartwheeling",
    "1F938-200D-2642-FE0F": "man cartwheeling",
    "1F938-200D-2640-FE0F": "woman cartwheeling",
    "1F938-1F3FD-200D-2640-FE0F": "woman cartwheeling: medium skin tone",
    "1FAF7": "leftwards pushing hand",
    "1FAF8": "rightwards pushing hand",
    "1F468-200D-1F9B0": "man: red hair",
    "1F469": "woman",
    "1F9D1-1F3FF-200D-1F9B3": "person: dark skin tone, white hair",
    "1F468-200D-1F33E": "man farmer",
    "1F9D1-200D-1F33E": "farmer",
    "1F9DC-200D-2640-FE0F": "mermaid",
    "1F9DC": "merperson",
    "1F934": "prince",
    "1F478": "princess",
    "1FAC5": "person with crown",
    "1F936": "Mrs. Claus",
    "1F385": "Santa Claus",
    "1F9D1-200D-1F384": "Mx Claus",
    "1F483": "woman dancing",
    "1F57A": "man dancing",
    "1F46B": "woman and man holding hands",
    "1F46C": "men holding hands",
    "1F46A": "family",
    "1F468-200D-1F469-200D-1F466": "family: man, woman, boy",
    "1F48F": "kiss",
    "1F469-200D-2764-FE0F-200D-1F48B-200D-1F468": "kiss: woman, man",
    "1F6B6": "person walking",
    "1F6B6-200D-2640-FE0F-200D-27A1-FE0F": "woman walking: facing right",
    "1F9D1-200D-1F9AF-200D-27A1-FE0F": "person with white cane: facing right",
    "1F469-200D-1F9AF": "woman with white cane",
    "1F600": "grinning face",
    "1F621": "pouting face",
    "1F44D": "thumbs up",
    "1F44E": "thumbs down",
    "1F466": "boy",
    "1F474": "old man",
    "1F6C5": "left luggage",
    "1F9F3": "luggage",
    "2764-FE0F": "red heart",
    "1F49B": "yellow heart",
    "1F1EE-1F1F2": "flag: Isle of Man",
    "1F1EE-1F1F9": "flag: Italy",
    "1F642": "slightly smiling face",
    "1F642-200D-2195-FE0F": "head shaking vertically",
}
GROUPS = emoji_groups(NAMES)


@pytest.mark.parametrize(
    "names",
    [
        [
            "person cartwheeling",
            "man cartwheeling",
            "woman cartwheeling",
            "woman cartwheeling: medium skin tone",
        ],
        ["leftwards pushing hand", "rightwards pushing hand"],
        ["man: red hair", "woman", "person: dark skin tone, white hair"],
        ["man farmer", "farmer"],
        ["mermaid", "merperson"],
        ["prince", "princess", "person with crown"],
        ["Mrs. Claus", "Santa Claus", "Mx Claus"],
        ["woman dancing", "man dancing"],
        ["woman and man holding hands", "men holding hands"],
        ["family", "family: man, woman, boy"],
        ["kiss", "kiss: woman, man"],
        ["person walking", "woman walking: facing right"],
        ["person with white cane: facing right", "woman with white cane"],
        ["slightly smiling face", "head shaking vertically"],
    ],
    ids=lambda names: names[0],
)
def test_variants_are_one_group_and_nothing_else_is_in_it(names: list[str]) -> None:
    code_of = {name: code for code, name in NAMES.items()}
    (group,) = {GROUPS[code_of[name]] for name in names}
    assert [NAMES[code] for code, other in GROUPS.items() if other == group] == [
        name for name in NAMES.values() if name in names
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1F600", "1F621"),
        ("1F44D", "1F44E"),
        ("1F466", "1F469"),
        ("1F474", "1F469"),
        ("1F6C5", "1F9F3"),
        ("2764-FE0F", "1F49B"),
        ("1F1EE-1F1F2", "1F1EE-1F1F9"),
    ],
)
def test_what_differs_in_more_than_a_person_or_a_side_stays_apart(one: str, other: str) -> None:
    assert GROUPS[one] != GROUPS[other]


def test_a_group_is_named_after_its_simplest_member_whatever_the_order() -> None:
    assert GROUPS["1F938-200D-2640-FE0F"] == "1f938"
    assert GROUPS["1FAF8"] == "1faf7"
    assert emoji_groups(dict(reversed(NAMES.items()))) == GROUPS
