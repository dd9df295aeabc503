"""Settings of the stack on which the tests of speakers run, and the part of the phone call that most of them send."""

LONGEST_S = 40
ENVIRONMENT = {
    "VOICEPIPE_MODELS": "accurate=whisper-base",
    "VOICEPIPE_DIARIZATION_MODEL": "pyannote-campplus",
    # What a dead worker had in flight is delivered again after a few seconds.
    "VOICEPIPE_ACK_WAIT_S": "3",
    "VOICEPIPE_SWEEP_EVERY_S": "2",
    "VOICEPIPE_MAX_DIARIZED_S": str(LONGEST_S),
}
# A part of the phone call where both people talk and take turns quickly, for tests that do not need all of it.
PART_S = (6.5, 18.5)
