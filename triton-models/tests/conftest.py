"""The pure parts of the models, imported as Triton imports them: without Triton or CTranslate2."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
