"""The settings of the stack for the speaker tests, and the part of the phone call that most of them send."""

LONGEST_S = 40
ENVIRONMENT = {
    "VOICEPIPE_MODELS": "accurate=whisper-base",
    "VOICEPIPE_DIARIZATION_MODEL": "pyannote-campplus",
    # The commands of a dead worker are delivered again after a few seconds.
    "VOICEPIPE_ACK_WAIT_S": "3",
    "VOICEPIPE_SWEEP_EVERY_S": "2",
    "VOICEPIPE_MAX_DIARIZED_S": str(LONGEST_S),
}
# In this part of the phone call both people talk and alternate quickly. Tests that do not need all of it send it.
PART_S = (6.5, 18.5)
