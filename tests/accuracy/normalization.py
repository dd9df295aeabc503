"""Normalization of texts before they are compared: only a difference that a listener would notice counts as an error.

English goes through Whisper's English normaliser, everything else through its basic one. In addition, numbers become
single digits in English and words in other languages, hesitations are removed, Chinese is simplified, the forms of the
Arabic alef are unified, and accents are ignored if the reference lacks them.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Sequence
from functools import cache

from num2words import num2words
from opencc import OpenCC

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its docstrings have invalid escapes
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

BY_CHARACTER = frozenset({"zh", "ja"})  # written without spaces: characters are counted, not words
ABUGIDAS = frozenset({"hi"})  # vowel signs are marks, which the basic normaliser would remove
HESITATIONS = re.compile(r"\b(?:u+h+m*|u+m+|e+r*m+|h+m+|m+h+m+|äh+m*|eh+m*|euh+)\b")
# Arabic: alef with hamza above, below, madda, wasla; print often omits them.
ALEF, FORMS_OF_ALEF = "\u0627", re.compile("[\u0623\u0625\u0622\u0671]")
APOSTROPHES = re.compile("[\u2018\u2019\u02bc]")  # Whisper's normaliser knows only the ASCII apostrophe
CONTRACTED = re.compile(r"\by'?know\b", re.IGNORECASE)  # unknown to Whisper's normaliser
NUMBER = re.compile(r"\d+")
# Whisper's normaliser writes "one two" as 12 and "one." as one, and joins adjacent numbers depending on punctuation.
ONE = re.compile(r"\bone\b")
DIGIT = re.compile(r"(\d)")
GROUPED = re.compile(r"(?<=\d)[.,](?=\d{3}\b)")
PERCENT = re.compile(r"(\d+)\s*[%\uff05]")
# Scripts in which every character is one unit in a mix of languages: kana, Chinese characters.
CHARACTER = re.compile("([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")


def units(text: str, language: str, *, has_accents: bool = True) -> list[str]:
    """The units that are compared: words; characters in Chinese and Japanese; both in a mix (`en+zh`)."""
    text = APOSTROPHES.sub("'", unicodedata.normalize("NFC", text))
    if language == "en":
        plain = ONE.sub("1", _english()(CONTRACTED.sub("you know", text)))
        return DIGIT.sub(r" \1 ", plain).split()
    if language in BY_CHARACTER:
        return list("".join(_plain(text, language).split()))
    plain = _plain(text, language, has_accents=has_accents)
    return CHARACTER.sub(r" \1 ", plain).split() if "+" in language else plain.split()


def units_of_words(words: Sequence[str], language: str) -> list[tuple[int, str]]:
    """Units, each with the index of its word.

    Words are normalized one by one, so numbers of several words are not joined.
    """
    return [(index, unit) for index, word in enumerate(words) for unit in units(word, language)]


def _plain(text: str, language: str, *, has_accents: bool = True) -> str:
    if "zh" in language.split("+"):
        text = PERCENT.sub(r"百分之\1", _simplified().convert(text))
    if language == "ar":
        text = FORMS_OF_ALEF.sub(ALEF, text)
    if "+" not in language:
        text = _spelled(text, language)
    text = _without_punctuation(text) if language in ABUGIDAS else _basic(has_accents)(text)
    return HESITATIONS.sub(" ", text)


def _spelled(text: str, language: str) -> str:
    """Numbers as words if num2words knows the language. Chinese writes them as Japanese does."""
    name = "ja" if language == "zh" else language
    try:
        return NUMBER.sub(lambda match: f" {num2words(int(match[0]), lang=name)} ", GROUPED.sub("", text))
    except NotImplementedError:
        return text


def _without_punctuation(text: str) -> str:
    return "".join(" " if unicodedata.category(one)[0] in "SP" else one for one in text.lower())


@cache
def _english() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()


@cache
def _basic(has_accents: bool) -> BasicTextNormalizer:
    return BasicTextNormalizer(remove_diacritics=not has_accents)


@cache
def _simplified() -> OpenCC:
    return OpenCC("t2s")
