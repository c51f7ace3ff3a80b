"""Names: N1 to N5 and N9 of the threat catalogue, and that people can be called what they are."""

import itertools
import pickle
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from precis_i18n import get_profile

from molva.terms import confusables
from molva.terms.names import (
    GENERAL,
    INPUT_CHARACTERS_MAX,
    NAME_BYTES_MAX,
    NAME_GRAPHEMES_MAX,
    RESERVED,
    ROOM_BYTES_MAX,
    Name,
    NameRefused,
    Room,
    parse_name,
    parse_room,
)

CODES = {"name_empty", "name_too_long", "name_bad_character", "name_reserved"}
UNSEEN_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
DRAWN_AS_NOTHING = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u200c\u200d\u2060\u2064\u3164"
    "\ufe00\ufe0f\ufeff\uffa0\U000e0001\U000e0020\U000e007f\U000e0100"
)


def refusal(text: str, parse: Callable[[str], object] = parse_name) -> NameRefused:
    """Return why `text` is refused; fail if it is not."""
    with pytest.raises(NameRefused) as caught:
        parse(text)
    return caught.value


def accepted(text: str) -> Name | None:
    """Return the name, or None if it is refused."""
    try:
        return parse_name(text)
    except NameRefused:
        return None


def collide(one: Name | Room, other: Name | Room) -> bool:
    """Say what whoever keeps names asks before it lets a second one in."""
    return one.key == other.key or one.skeleton == other.skeleton


def every_character() -> Iterator[str]:
    return map(chr, range(sys.maxunicode + 1))


# N1: confusables


@pytest.mark.parametrize(
    ("taken", "imitation"),
    [
        pytest.param("Anna", "\u0410nna", id="cyrillic-capital-a"),
        pytest.param("anna", "\u0430nn\u0430", id="cyrillic-a"),
        pytest.param("scope", "\u0455\u0441\u043e\u0440\u0435", id="all-cyrillic"),
        pytest.param("\u0425\u043e\u0440", "Xop", id="latin-for-cyrillic"),
        pytest.param("Bob", "\u0392ob", id="greek-capital-beta"),
        pytest.param("tom", "t\u03bfm", id="greek-omicron"),
        pytest.param("tom", "t\u0585m", id="armenian-oh"),
        pytest.param("Kate", "\uff2bate", id="fullwidth-k"),
        pytest.param("kate", "\u212aate", id="kelvin-sign"),
        pytest.param("anna", "\U0001d41anna", id="math-bold"),
        pytest.param("anna", "\U0001d5baNNA", id="math-sans"),
        pytest.param("anna", "\u24d0nna", id="circled"),
        pytest.param("finn", "\ufb01nn", id="ligature-fi"),
        pytest.param("ivan", "\u0131van", id="dotless-i"),
        pytest.param("ivan", "\u0456van", id="ukrainian-i"),
        pytest.param("ivan", "i\u0307van", id="i-with-another-dot"),
        pytest.param("juri", "j\u0307uri", id="j-with-another-dot"),
        pytest.param("i\u0328van", "i\u0328\u0307van", id="the-dot-above-a-hook"),
        pytest.param("sam", "\u017fam", id="long-s"),
        pytest.param("Ivan", "lvan", id="small-l-for-capital-i"),
        pytest.param("Ivan", "\u01c0van", id="click-for-capital-i"),
        pytest.param("lvan", "1van", id="one-for-l"),
        pytest.param("Lev", "\u216cev", id="roman-fifty"),
        pytest.param("Olga", "0lga", id="zero-for-o"),
        pytest.param("mark", "rnark", id="r-n-for-m"),
        pytest.param("straße", "strasse", id="sharp-s"),
        pytest.param("straße", "STRASSE", id="sharp-s-in-capitals"),
        pytest.param("straße", "STRA\u1e9eE", id="capital-sharp-s"),
        pytest.param("σοφός", "σοφόσ", id="final-sigma"),
        pytest.param("ΣΟΦΟΣ", "σοφος", id="final-sigma-by-case"),
        pytest.param("zo\u00eb", "zoe\u0308", id="decomposed"),
        pytest.param("\u0130pek", "i\u0307pek", id="capital-i-with-dot"),
        pytest.param("Анна", "АННА", id="case"),
        pytest.param("o'neil", "o\u02bcneil", id="modifier-apostrophe"),
        pytest.param("o'neil", "o\u2019neil", id="quotation-mark"),
        pytest.param("a-b", "a\u2010b", id="hyphen"),
        pytest.param("a-b", "a\u2cbab", id="coptic-dash"),
        pytest.param("a_b", "a\uff3fb", id="fullwidth-low-line"),
        pytest.param("a.b", "a\u2024b", id="one-dot-leader"),
        pytest.param("a.b", "a\ua4f8b", id="lisu-tone"),
    ],
)
def test_a_name_that_looks_like_a_taken_one_is_refused_or_collides(
    taken: str, imitation: str
) -> None:
    other = accepted(imitation)
    assert other is None or collide(parse_name(taken), other)


def test_every_row_of_the_table_is_refused_or_collides_with_its_prototype() -> None:
    checked = 0
    for source, prototype in confusables.PROTOTYPES.items():
        taken, imitation = accepted(f"x{prototype}x"), accepted(f"x{source}x")
        if taken is not None and imitation is not None:
            assert taken.skeleton == imitation.skeleton, (source, prototype)
            checked += 1
    assert checked > 900


@pytest.mark.parametrize(
    ("character", "prototype"),
    [
        ("m", "rn"),
        ("I", "l"),
        ("1", "l"),
        ("0", "O"),
        ("\u0430", "a"),  # Cyrillic a
        ("\u0435", "e"),  # Cyrillic ie
        ("\u0417", "3"),  # Cyrillic ze
        ("\u0432", "\u0299"),  # Cyrillic ve: a small capital B, not a b
        ("\u03bd", "v"),  # Greek nu
        ("\u05d5", "l"),  # Hebrew vav
        ("\u0131", "i"),  # dotless i
        ("\u03b2", "\u00df"),  # Greek beta and sharp s
        ("\u0142", "l\u0338"),  # l with stroke
        ("\u3007", "O"),  # the ideographic zero
    ],
)
def test_the_table_says_what_uts_39_says(character: str, prototype: str) -> None:
    assert confusables.skeleton(character) == prototype


def test_letters_that_nobody_confuses_are_their_own_skeleton() -> None:
    plain = "abcdefghijklnopqrstuvwxyz"
    assert confusables.skeleton(plain) == plain


def test_ordinary_names_do_not_collide_with_each_other() -> None:
    names = (
        "Александр Алексей Алёна Алла Анастасия Андрей Анна Антон Борис Вадим Валентин Валерий "
        "Варвара Василий Вера Виктор Виктория Виталий Владимир Галина Георгий Глеб Григорий Дарья "
        "Денис Дмитрий Евгений Егор Екатерина Елена Жанна Зоя Иван Игорь Илья Инна Ирина Кирилл "
        "Константин Ксения Лариса Лев Лидия Любовь Людмила Максим Маргарита Марина Мария Михаил "
        "Надежда Наталья Никита Николай Нина Оксана Олег Олеся Ольга Павел Пётр Полина Раиса Роман "
        "Светлана Семён Сергей София Степан Тамара Татьяна Тимур Ульяна Фёдор Юлия Юрий Яна Ярослав"
        " Alice Bob Carol Dave Eve Frank Grace Heidi Ivan Judy Mallory Niaj Olivia Peggy Rupert "
        "Sybil Trent Victor Walter Adam Emma Ian Jan John Jon Liam Lina Lisa Lila Maria Mila Noah"
    ).split()
    for one, other in itertools.combinations(map(parse_name, names), 2):
        assert not collide(one, other), (one, other)


# N2: folding


def in_batches(characters: list[str], size: int) -> Iterator[str]:
    for start in range(0, len(characters), size):
        yield "".join(characters[start : start + size])


def assert_folding_twice_is_folding_once(name: Name) -> None:
    assert parse_name(name.shown) == name
    assert parse_name(name.key).key == name.key
    assert confusables.skeleton(name.skeleton.casefold()) == name.skeleton
    assert unicodedata.is_normalized("NFC", name.shown)
    assert unicodedata.is_normalized("NFC", name.key)


def test_folding_twice_is_folding_once_for_every_character() -> None:
    plain: dict[str, list[str]] = defaultdict(list)
    names = 0
    for character in every_character():
        category = unicodedata.category(character)
        if category in UNSEEN_CATEGORIES:
            continue  # refused, as another test shows
        if (
            category == "Lo"
            and character == character.lower()
            and unicodedata.is_normalized("NFKC", character)
        ):
            # No rule changes these, whatever stands next to them: sixteen in one name will do.
            plain[unicodedata.bidirectional(character)].append(character)
            continue
        for text in (character, "a" + character):
            if (name := accepted(text)) is not None:
                assert_folding_twice_is_folding_once(name)
                names += 1
    for characters in plain.values():
        for batch in in_batches(characters, NAME_BYTES_MAX // 4):
            for text in [batch] if accepted(batch) else batch:
                if (name := accepted(text)) is not None:
                    assert name.shown == name.key == text
                    assert_folding_twice_is_folding_once(name)
                    names += 1
    assert names > 15_000


MIXED = st.text(
    st.one_of(
        st.sampled_from("aAiIlL1oO0mM_-.'ßẞΣσςİıǅŉſKÅéЁё"),
        st.characters(categories=["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"]),
        st.characters(min_codepoint=0x300, max_codepoint=0x345),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=300)
@given(MIXED)
@example("\u0130\u0307\u0307")
@example("a\u0345\u0301")
@example("\u048b")
def test_folding_twice_is_folding_once_for_any_text(text: str) -> None:
    name = accepted(text)
    if name is not None:
        assert_folding_twice_is_folding_once(name)


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=40))
def test_any_text_is_a_name_or_is_refused_with_a_known_code(text: str) -> None:
    for parse in (parse_name, parse_room):
        try:
            parse(text)
        except NameRefused as refused:
            assert refused.code in CODES


@settings(deadline=None, max_examples=300)
@given(MIXED)
def test_the_forms_of_a_name_are_those_of_the_precis_profiles(text: str) -> None:
    name = accepted(text)
    if name is not None:
        assert name.shown == get_profile("UsernameCasePreserved").enforce(text)
        assert name.key == get_profile("UsernameCaseMapped").enforce(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("fussball", "fussball"),
        ("fußball", "fußball"),
        ("π", "π"),
        ("Σ", "σ"),
        ("σ", "σ"),
        ("ς", "ς"),
    ],
)
def test_usernames_that_rfc_8265_allows_have_the_key_it_gives(text: str, key: str) -> None:
    assert parse_name(text).key == key


@pytest.mark.parametrize("text", ["foo bar", "", "henry\u2163", "\u265a"])
def test_usernames_that_rfc_8265_forbids_are_refused(text: str) -> None:
    refusal(text)


def test_an_at_sign_is_refused_though_rfc_8265_allows_it() -> None:
    assert refusal("juliet@example.com").detail == "U+0040 COMMERCIAL AT"


def test_the_shown_form_keeps_the_case_and_the_key_does_not() -> None:
    name = parse_name("Ёжик")
    assert (name.shown, name.key) == ("Ёжик", "ёжик")


# N3 and N4: what is not seen


def test_no_invisible_or_unassigned_character_is_let_into_a_name() -> None:
    let_in = []
    category = unicodedata.category  # a million turns: no calls that can be spared
    for character in every_character():
        if category(character) in UNSEEN_CATEGORIES:
            try:
                parse_name("a" + character)
            except NameRefused:
                continue
            let_in.append(character)
    assert let_in == []


@pytest.mark.parametrize("character", DRAWN_AS_NOTHING, ids=lambda c: f"{ord(c):04X}")
@pytest.mark.parametrize("around", ["{}", "{}a", "a{}", "a{}b", "क्{}ष", "#{}", "#a{}"])
def test_what_is_drawn_as_nothing_is_refused_wherever_it_stands(
    character: str, around: str
) -> None:
    text = around.format(character)
    refused = refusal(text, parse_room if text.startswith("#") else parse_name)
    assert refused.code == "name_bad_character"


@pytest.mark.parametrize("character", BIDI_CONTROLS, ids=lambda c: f"{ord(c):04X}")
@pytest.mark.parametrize("around", ["{}gpj", "gp{}j", "gpj{}", "ד{}ו", "#{}a"])
def test_bidi_controls_are_refused_wherever_they_stand(character: str, around: str) -> None:
    text = around.format(character)
    refused = refusal(text, parse_room if text.startswith("#") else parse_name)
    assert refused.detail == f"U+{ord(character):04X} {unicodedata.name(character)}"


@pytest.mark.parametrize("text", ["annaדוד", "דודanna", "1דוד", "anna٣", "דוד٣3"])
def test_text_whose_direction_is_mixed_is_refused_by_the_bidi_rule(text: str) -> None:
    assert refusal(text).code == "name_bad_character"


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\ud83d\ude00"])
def test_surrogates_are_refused(text: str) -> None:
    assert refusal(text).code == "name_bad_character"


# N5: reserved words


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_reserved_word_is_refused_in_every_case(word: str) -> None:
    for text in (word, word.upper(), word.capitalize(), word.swapcase()):
        assert refusal(text).code == "name_reserved"


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_reserved_word_is_refused_when_it_is_imitated(word: str) -> None:
    imitated = 0
    for spelling in (word, word.upper()):
        for place, letter in enumerate(spelling):
            skeleton = confusables.skeleton(letter)
            for source in confusables.PROTOTYPES:
                if source != letter and confusables.skeleton(source) == skeleton:
                    text = spelling[:place] + source + spelling[place + 1 :]
                    assert accepted(text) is None, ascii(text)
                    imitated += 1
    assert imitated or word == "я"


@pytest.mark.parametrize(
    "text",
    [
        "adrnin",
        "ADMlN",
        "Adm\u0456n",
        "r00t",
        "R\u041e\u041eT",
        "\u0405ystem",
        "he1p",
        "bce",
        "aІІ",
    ],
)
def test_well_known_imitations_of_reserved_words_are_refused(text: str) -> None:
    assert refusal(text).code == "name_reserved"


def test_every_reserved_word_is_written_as_a_key() -> None:
    for word in RESERVED:
        assert parse_room("#" + word).key == "#" + word


@pytest.mark.parametrize("text", ["guest", "system1", "my-bot", "administration", "Всеволод", "42"])
def test_names_that_only_contain_a_reserved_word_are_accepted(text: str) -> None:
    assert parse_name(text).shown == text


# N9: limits


@pytest.mark.parametrize(
    ("longest", "more"),
    [
        pytest.param("a" * 32, "a", id="graphemes-ascii"),
        pytest.param("ж" * 32, "ж", id="bytes-and-graphemes-cyrillic"),
        pytest.param("木" * 21, "木", id="bytes-ideographs"),
        pytest.param("木" * 21 + "a", "a", id="bytes-exactly-64"),
        pytest.param("\U00020000" * 16, "a", id="bytes-four-each"),
        pytest.param("x\u0323\u0331" * 12 + "abcd", "a", id="bytes-with-marks"),
        pytest.param("\uff41" * 32, "\uff41", id="graphemes-after-narrowing"),
        pytest.param("е\u0308" * 32, "е\u0308", id="graphemes-after-composition"),
    ],
)
def test_a_name_is_limited_in_bytes_and_in_graphemes(longest: str, more: str) -> None:
    shown = parse_name(longest).shown
    assert len(shown.encode()) <= NAME_BYTES_MAX
    assert sum(unicodedata.category(c)[0] != "M" for c in shown) <= NAME_GRAPHEMES_MAX
    assert refusal(longest + more).code == "name_too_long"


def test_marks_do_not_count_as_graphemes() -> None:
    assert len(parse_name("न\u0940" * 10).shown) == 20
    assert len(parse_name("b\u0323" * 21).shown) == 21
    assert len(parse_name("x\u0323" * 21).shown) == 42


def test_text_over_the_input_limit_is_refused_before_its_characters_are() -> None:
    assert refusal("\0" * INPUT_CHARACTERS_MAX).code == "name_bad_character"
    assert refusal("\0" * (INPUT_CHARACTERS_MAX + 1)).code == "name_too_long"
    assert refusal("#" + "\0" * (INPUT_CHARACTERS_MAX + 1), parse_room).code == "name_too_long"


def test_a_name_whose_key_would_be_too_long_is_refused() -> None:
    # The capital takes two bytes and the small letter three.
    assert len(parse_name("\u023a" * 21).key.encode()) == 63
    assert refusal("\u023a" * 32).code == "name_too_long"


def test_more_than_two_marks_in_a_row_are_refused() -> None:
    assert parse_name("x\u0323\u0331")
    assert refusal("x\u0323\u0331\u0330").code == "name_bad_character"
    assert parse_name("x\u0323\u0331y\u0323\u0331")


def test_a_name_that_is_empty_is_refused_as_empty() -> None:
    assert refusal("").code == "name_empty"
    assert refusal("", parse_room).code == "name_empty"
    assert refusal("#", parse_room).code == "name_empty"


# Shape


@pytest.mark.parametrize("character", '#@:/\\,!&*"`<>()[]{}|~^%$+=?; \t\n·’«»№€😀')
def test_punctuation_that_means_something_elsewhere_is_refused(character: str) -> None:
    for text in (f"a{character}", f"a{character}b", f"{character}a"):
        refused = refusal(text)
        assert refused.code == "name_bad_character"
        assert refused.detail.startswith(f"U+{ord(character):04X}")
        refusal("#" + text, parse_room)


@pytest.mark.parametrize("text", [".", "..", "-a", "_a", "'a", ".a", "\u0301a", "_", "a."])
def test_a_name_begins_with_a_letter_or_digit_and_does_not_end_with_a_dot(text: str) -> None:
    assert refusal(text).code == "name_bad_character"
    assert refusal("#" + text, parse_room).code == "name_bad_character"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Анна", id="russian"),
        pytest.param("Ёжик", id="russian-yo"),
        pytest.param("Пётр-1", id="russian-digit"),
        pytest.param("Анна-Мария", id="russian-hyphen"),
        pytest.param("Дар'я", id="ukrainian"),
        pytest.param("Ўладзімір", id="belarusian"),
        pytest.param("Әсел", id="kazakh"),
        pytest.param("Σωκράτης", id="greek"),
        pytest.param("דוד", id="hebrew"),
        pytest.param("דוד-1", id="hebrew-digit"),
        pytest.param("محمد", id="arabic"),
        pytest.param("محمد٣", id="arabic-digit"),
        pytest.param("王小明", id="chinese"),
        pytest.param("二〇二四", id="chinese-zero"),
        pytest.param("さくら", id="japanese-hiragana"),
        pytest.param("ケーキ", id="japanese-katakana"),
        pytest.param("민준", id="korean"),
        pytest.param("अनिल", id="devanagari"),
        pytest.param("कृष्णा", id="devanagari-conjunct"),
        pytest.param("สมชาย", id="thai"),
        pytest.param("தமிழ்", id="tamil"),
        pytest.param("Նարեկ", id="armenian"),
        pytest.param("ნინო", id="georgian"),
        pytest.param("Nguyễn", id="vietnamese"),
        pytest.param("Łukasz", id="polish"),
        pytest.param("Þór", id="icelandic"),
        pytest.param("Iolani", id="hawaiian"),
        pytest.param("O'Neil_jr.2", id="punctuation"),
        pytest.param("42", id="digits"),
    ],
)
def test_people_of_every_script_can_be_called_by_their_names(text: str) -> None:
    assert parse_name(text).shown == text
    assert parse_room("#" + text).shown == "#" + text


def test_a_name_typed_in_pieces_is_put_together() -> None:
    assert parse_name(unicodedata.normalize("NFD", "민준")) == parse_name("민준")
    assert parse_name(unicodedata.normalize("NFD", "Ёжик")) == parse_name("Ёжик")


def test_forms_can_be_compared_hashed_and_not_changed() -> None:
    name = parse_name("Anna")
    assert len({name, parse_name("Anna")}) == 1
    with pytest.raises(AttributeError):
        name.shown = "Boris"  # type: ignore[misc]


def test_a_refusal_says_its_code_and_the_character() -> None:
    refused = refusal("a b")
    assert isinstance(refused, ValueError)
    assert (refused.code, refused.detail) == ("name_bad_character", "U+0020 SPACE")
    assert str(refused) == "name_bad_character: U+0020 SPACE"
    assert str(refusal("admin")) == "name_reserved"
    assert refusal("a\0").detail == "U+0000"
    copy = pickle.loads(pickle.dumps(refused))
    assert (copy.code, copy.detail) == (refused.code, refused.detail)


# Rooms


def test_a_room_begins_with_a_number_sign_in_all_its_forms() -> None:
    room = parse_room("#Мoлва-1")
    assert room.shown == "#Мoлва-1"
    assert room.key == "#мoлва-1"
    assert room.skeleton == "#" + parse_name("Мoлва-1").skeleton


def test_the_general_room_is_its_own_key() -> None:
    assert parse_room(GENERAL).shown == parse_room(GENERAL).key == GENERAL


@pytest.mark.parametrize("text", ["general", "@general", "＃general", " #general"])
def test_a_room_without_a_number_sign_is_refused(text: str) -> None:
    refused = refusal(text, parse_room)
    assert refused.detail == f"U+{ord(text[0]):04X} {unicodedata.name(text[0])}"


def test_a_second_number_sign_is_refused() -> None:
    assert refusal("##general", parse_room).code == "name_bad_character"


def test_reserved_words_may_be_rooms() -> None:
    assert parse_room("#help").shown == "#help"
    assert parse_room("#Все").key == "#все"


def test_rooms_that_look_alike_collide() -> None:
    assert collide(parse_room(GENERAL), parse_room("#gеnеrаl"))
    assert collide(parse_room(GENERAL), parse_room("#GENERAL"))
    assert collide(parse_room(GENERAL), parse_room("#genera1"))


def test_a_room_is_limited_with_its_number_sign() -> None:
    longest = "#" + "木" * 21
    assert len(parse_room(longest).shown.encode()) == ROOM_BYTES_MAX
    assert refusal(longest + "a", parse_room).code == "name_too_long"
    assert parse_room("#" + "a" * NAME_GRAPHEMES_MAX)
    assert refusal("#" + "a" * (NAME_GRAPHEMES_MAX + 1), parse_room).code == "name_too_long"


@settings(deadline=None, max_examples=200)
@given(MIXED)
def test_a_room_is_a_name_behind_a_number_sign(text: str) -> None:
    try:
        room = parse_room("#" + text)
    except NameRefused:
        return
    assert parse_room(room.shown) == room
    assert parse_room(room.key).key == room.key
    name = accepted(text)
    if name is not None:
        assert (room.shown, room.key, room.skeleton) == (
            f"#{name.shown}",
            f"#{name.key}",
            f"#{name.skeleton}",
        )
