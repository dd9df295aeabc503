"""Tells speakers apart: a worker around pyannote.audio. The only part of the project that imports torch.

What stands here must be said before torch and pyannote.audio are imported, by whomever.
"""

import os
import warnings

# Threads that wait shall not spin, or two processes on one machine starve each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# pyannote.audio reports what it does to its makers unless it is told not to, in spans that carry this process's own headers.
os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
# Files are never given to it, only samples, so it needs nothing to decode them.
warnings.filterwarnings("ignore", message=r"\s*torchcodec is not installed")
