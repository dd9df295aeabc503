"""Makes the pure modules of the model importable as in Triton; neither Triton nor CTranslate2 is needed."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
