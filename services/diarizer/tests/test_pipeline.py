"""The faster embedding stage gives what the stock one gives."""

import numpy as np
import pytest
import torch
from fixtures.conversation import converse
from fixtures.meeting import silence
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.core import SlidingWindowFeature

from .conftest import samples_of


@pytest.fixture(scope="module")
def heard(model):
    file = {
        "waveform": samples_of(converse(40, ["annie", "travis", "david"], seed=2)),
        "sample_rate": 16_000,
        "uri": "x",
    }
    return file, model.pipeline.get_segmentations(file)


@pytest.mark.parametrize("exclude_overlap", [True, False])
def test_embeddings_are_those_of_the_stock_stage(model, heard, exclude_overlap):
    file, segmentations = heard
    ours = model.pipeline.get_embeddings(file, segmentations, exclude_overlap=exclude_overlap)
    stock = SpeakerDiarization.get_embeddings(model.pipeline, file, segmentations, exclude_overlap=exclude_overlap)
    assert ours.shape == stock.shape
    np.testing.assert_allclose(ours, stock, rtol=0, atol=1e-3 * np.abs(stock).max())
    unit = [each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (ours, stock)]
    assert (unit[0] * unit[1]).sum(-1).min() > 0.99999


def test_a_window_in_which_nobody_speaks_gives_what_the_stock_stage_gives(model, heard):
    file, segmentations = heard
    data = segmentations.data.copy()
    data[3] = 0
    nobody = SlidingWindowFeature(data, segmentations.sliding_window)
    ours = model.pipeline.get_embeddings(file, nobody)
    stock = SpeakerDiarization.get_embeddings(model.pipeline, file, nobody)
    np.testing.assert_allclose(ours[3], stock[3], rtol=0, atol=1e-5)


def test_progress_counts_every_window_once(model, heard):
    file, segmentations = heard
    told = []
    model.pipeline.get_embeddings(
        file, segmentations, hook=lambda step, _, *, total, completed: told.append((step, completed, total))
    )
    windows = len(segmentations.data)
    assert told == [("embeddings", number, windows) for number in range(windows + 1)]


def test_half_precision_gives_nearly_the_same_voices(model, heard):
    file, segmentations = heard
    exact = model.pipeline.get_embeddings(file, segmentations)
    model.pipeline.half_precision = True
    try:
        rough = model.pipeline.get_embeddings(file, segmentations)
    finally:
        model.pipeline.half_precision = False
    cosine = torch.nn.functional.cosine_similarity(torch.from_numpy(exact), torch.from_numpy(rough), dim=-1)
    assert cosine.min() > 0.995


def test_silence_has_no_turns(model):
    file = {"waveform": samples_of(silence(12)), "sample_rate": 16_000, "uri": "x"}
    assert not model.pipeline(file).speaker_diarization.labels()
