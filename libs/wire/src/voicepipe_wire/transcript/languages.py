"""The languages that Whisper recognizes, and how their words are joined and punctuated.

Upload rejects any other language before work is queued; the orchestrator and status join and split text by these rules.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

# Codes and names of openai-whisper's tokenizer, in the order of its language tokens. The last one, `yue`, was added
# with large-v3: an older model rejects it with an error of its own.
LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "English",
        "zh": "Chinese",
        "de": "German",
        "es": "Spanish",
        "ru": "Russian",
        "ko": "Korean",
        "fr": "French",
        "ja": "Japanese",
        "pt": "Portuguese",
        "tr": "Turkish",
        "pl": "Polish",
        "ca": "Catalan",
        "nl": "Dutch",
        "ar": "Arabic",
        "sv": "Swedish",
        "it": "Italian",
        "id": "Indonesian",
        "hi": "Hindi",
        "fi": "Finnish",
        "vi": "Vietnamese",
        "he": "Hebrew",
        "uk": "Ukrainian",
        "el": "Greek",
        "ms": "Malay",
        "cs": "Czech",
        "ro": "Romanian",
        "da": "Danish",
        "hu": "Hungarian",
        "ta": "Tamil",
        "no": "Norwegian",
        "th": "Thai",
        "ur": "Urdu",
        "hr": "Croatian",
        "bg": "Bulgarian",
        "lt": "Lithuanian",
        "la": "Latin",
        "mi": "Maori",
        "ml": "Malayalam",
        "cy": "Welsh",
        "sk": "Slovak",
        "te": "Telugu",
        "fa": "Persian",
        "lv": "Latvian",
        "bn": "Bengali",
        "sr": "Serbian",
        "az": "Azerbaijani",
        "sl": "Slovenian",
        "kn": "Kannada",
        "et": "Estonian",
        "mk": "Macedonian",
        "br": "Breton",
        "eu": "Basque",
        "is": "Icelandic",
        "hy": "Armenian",
        "ne": "Nepali",
        "mn": "Mongolian",
        "bs": "Bosnian",
        "kk": "Kazakh",
        "sq": "Albanian",
        "sw": "Swahili",
        "gl": "Galician",
        "mr": "Marathi",
        "pa": "Punjabi",
        "si": "Sinhala",
        "km": "Khmer",
        "sn": "Shona",
        "yo": "Yoruba",
        "so": "Somali",
        "af": "Afrikaans",
        "oc": "Occitan",
        "ka": "Georgian",
        "be": "Belarusian",
        "tg": "Tajik",
        "sd": "Sindhi",
        "gu": "Gujarati",
        "am": "Amharic",
        "yi": "Yiddish",
        "lo": "Lao",
        "uz": "Uzbek",
        "fo": "Faroese",
        "ht": "Haitian Creole",
        "ps": "Pashto",
        "tk": "Turkmen",
        "nn": "Nynorsk",
        "mt": "Maltese",
        "sa": "Sanskrit",
        "lb": "Luxembourgish",
        "my": "Burmese",
        "bo": "Tibetan",
        "tl": "Tagalog",
        "mg": "Malagasy",
        "as": "Assamese",
        "tt": "Tatar",
        "haw": "Hawaiian",
        "ln": "Lingala",
        "ha": "Hausa",
        "ba": "Bashkir",
        "jw": "Javanese",
        "su": "Sundanese",
        "yue": "Cantonese",
    }
)

# Written without spaces between words: the languages whose words openai-whisper's tokenizer splits at characters.
UNSPACED: Final = frozenset({"zh", "ja", "th", "lo", "my", "yue"})

# The first code point of their scripts: the start of the Thai block.
FIRST_UNSPACED: Final = 0x0E00

# Unicode's Sentence_Terminal (UAX 44) in the scripts that Whisper writes, the ellipsis, and the Greek question mark.
SENTENCE_ENDS: Final = frozenset(".?!…‼⁇⁈⁉\u037e。．？！｡؟۔։।॥။።፧។៕")  # noqa: RUF001 - lookalikes are intended
CLAUSE_ENDS: Final = frozenset(",;:—–、，；：،؛፣")  # noqa: RUF001


def language_of_text(spoken: str, task: str) -> str:
    """The language of the text that Whisper writes. It translates only into English."""
    return "en" if task == "translate" else spoken


def separator(before: str, after: str) -> str:
    """The separator between a word in the language `before` and the next one, in the language `after`."""
    return "" if before in UNSPACED and after in UNSPACED else " "


def join_words(words: Iterable[str], language: str) -> str:
    """Join words into running text. In a language without spaces, words of spaced scripts keep a space between them."""
    if language not in UNSPACED:
        return " ".join(words)
    text = ""
    for word in words:
        text += (" " if _is_spaced(text[-1:]) and _is_spaced(word[:1]) else "") + word
    return text


def _is_spaced(char: str) -> bool:
    """Whether a character belongs to a script that separates words by spaces."""
    return bool(char) and not char.isspace() and ord(char) < FIRST_UNSPACED


def last_mark(word: str) -> str:
    """The last character of a word, ignoring closing quotes and brackets; "" if there is none."""
    for char in reversed(word):
        if char not in "\"'" and unicodedata.category(char) not in {"Pe", "Pf", "Pi"}:
            return char
    return ""
