"""Whether the words of a chunk were invented: the model heard no speech, and the words do not contradict it. Pure.

Whisper gives text for nearly everything. Of clips without speech, 40 % got words (Barański et al. 2025, "Investigation
of Whisper ASR Hallucinations Induced by Non-Speech Audio", arXiv 2501.11378), mostly the same few texts, and the longer
a recording is without voices, the more is invented (Koenecke et al. 2024, "Careless Whisper", arXiv 2402.08021).
The speech detector keeps most sounds from the model. What passes it is judged here.

No rule judges a text alone, because people do say "Thank you". Every rule requires that the model itself considers
speech unlikely: a no-speech probability above 0.6, openai-whisper's `no_speech_threshold`. Over 116 chunks of real
speech in 15 languages Whisper base had at most 0.45 where there were words.
"""

from __future__ import annotations

from typing import Final

from voicepipe_orchestrator.domain import Recognition

# openai-whisper's `transcribe()`: no_speech_threshold and logprob_threshold.
MAX_NO_SPEECH_PROB: Final = 0.6
MIN_AVG_LOGPROB: Final = -1.0
# Two regions of the shortest length that Silero VAD accepts by default (`min_speech_duration_ms` 250): a door or a step.
BRIEF_S: Final = 0.5
# Fast speech has 7 syllables in a second, about 20 letters.
MAX_LETTERS_PER_S: Final = 30.0

NO_SPEECH: Final = "no_speech"
BRIEF: Final = "brief"
KNOWN: Final = "known_invention"
TOO_FAST: Final = "too_fast"
LOOP: Final = "loop"
RULES: Final = (NO_SPEECH, BRIEF, KNOWN, LOOP, TOO_FAST)

# The texts that Whisper invents most, after the "bag of hallucinations" of Barański et al., reports of users, and what
# Whisper base made of tests/fixtures/sounds.py; lower case, letters only. In other languages: the credits and closing
# words of subtitles.
KNOWN_INVENTIONS: Final = frozenset(
    {
        "you",
        "so",
        "oh",
        "bye",
        "bye bye",
        "thank you",
        "thank you very much",
        "thank you so much",
        "thanks for watching",
        "thank you for watching",
        "please subscribe",
        "please subscribe to my channel",
        "subtitles by the amara org community",
        "untertitel der amara org community",
        "untertitelung des zdf für funk",
        "vielen dank fürs zuschauen",
        "sous titres réalisés para la communauté d amara org",
        "sous titrage société radio canada",
        "merci d avoir regardé cette vidéo",
        "subtítulos realizados por la comunidad de amara org",
        "gracias por ver el video",
        "sottotitoli creati dalla comunità amara org",
        "legendas pela comunidade amara org",
        "obrigado por assistir",
        "napisy stworzone przez społeczność amara org",
        "продолжение следует",
        "субтитры сделал dimatorzok",
        "ご視聴ありがとうございました",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "시청해주셔서 감사합니다",
    }
)


def invention(recognition: Recognition, speech_s: float, *, loops: bool) -> str | None:
    """The rule by which all words of a chunk are dropped, None if they are kept, or if there are none.

    `speech_s` is how much of the chunk the detector classified as speech. `loops`: the best try still repeats itself.
    """
    if not recognition.words or recognition.no_speech_prob <= MAX_NO_SPEECH_PROB:
        return None
    letters = plain(recognition.text)
    rules = {
        NO_SPEECH: recognition.avg_logprob < MIN_AVG_LOGPROB,
        BRIEF: speech_s < BRIEF_S,
        KNOWN: letters in KNOWN_INVENTIONS,
        LOOP: loops,
        TOO_FAST: len(letters) > MAX_LETTERS_PER_S * speech_s,
    }
    return next((rule for rule, applies in rules.items() if applies), None)


def plain(text: str) -> str:
    """The text in lower case, with single spaces for everything that is no letter or digit."""
    return " ".join("".join(char if char.isalnum() else " " for char in text.casefold()).split())
