"""Equal texts normalize to equal units, different ones do not."""

import pytest

from .normalization import units, units_of_words


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "Mister Quilter, um, said: it's done!", "mr. quilter said it is done"),
        ("en", "one zero zero nine oh two", "1-0-0 902"),
        ("en", "ten of clubs", "10 of clubs"),
        ("en", "we're just yknow there", "We're just, you know, there."),
        ("en", "beauty\u2019s rose", "Beauty's rose"),
        ("ar", "\u0627\u0654ربعة", "أربعة"),
        ("de", "Höre, Straße!", "höre straße"),
        ("de", "im Jahr 21", "im Jahr einundzwanzig"),
        ("fr", "la dictée numéro 1", "la dictée numéro un"),
        ("sv", "en 2 tre", "en två tre"),
        ("ar", "أربعة", "اربعة"),
        ("ru", "Нажмите решетку.", "нажмите решетку"),
        ("zh", "天氣 50%。", "天气百分之五十"),
        ("ja", "今日は、いい天気だ。", "今日はいい天気だ"),
        ("hi", "वहां, से", "वहां से"),
        ("en+zh", "How are you? 今天天氣", "how are you 今天天气"),
    ],
)
def test_two_spellings_of_the_same_words_are_equal(language, one, other):
    assert units(one, language) == units(other, language)
    assert units(one, language)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "I can do it", "I can't do it"),
        ("en", "ten of clubs", "two of clubs"),
        ("de", "liegende", "liegenden"),
        ("es", "esta", "está"),
        ("hi", "पहुँचे", "पहुँचा"),
        ("zh", "房地产", "佛地产"),
    ],
)
def test_different_words_stay_different(language, one, other):
    assert units(one, language) != units(other, language)


def test_accents_count_only_where_the_reference_has_them():
    assert units("contraseña está", "es", has_accents=False) == units("contrasena esta", "es", has_accents=False)


def test_chinese_and_japanese_are_split_into_characters_and_mixed_text_into_both():
    assert units("天气怎么样", "zh") == ["天", "气", "怎", "么", "样"]
    assert units("bus 天气 stop", "en+zh") == ["bus", "天", "气", "stop"]


def test_units_know_the_word_they_come_from():
    assert units_of_words(["It's", "--", "twenty-one"], "en") == [(0, "it"), (0, "is"), (2, "2"), (2, "1")]
