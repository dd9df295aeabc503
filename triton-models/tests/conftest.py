"""The pure parts of the models, imported as Triton imports them: without Triton, CTranslate2 or PocketSphinx."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
