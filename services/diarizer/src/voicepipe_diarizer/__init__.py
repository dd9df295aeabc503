"""Speaker diarization: a worker around pyannote.audio. The only package of the project that imports torch.

These settings must precede the first import of torch and pyannote.audio.
"""

import os
import warnings

# Idle threads must not spin, or two processes on one machine starve each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# By default pyannote.audio sends usage telemetry to its authors, in spans that carry this process's own headers.
os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
# pyannote.audio receives samples, never files, so it needs no decoder.
warnings.filterwarnings("ignore", message=r"\s*torchcodec is not installed")
