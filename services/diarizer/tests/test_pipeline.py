"""The faster embedding stage gives the same embeddings as the stock one."""

import numpy as np
import pytest
import torch
from pyannote.audio.models.embedding import WeSpeakerResNet34
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.core import SlidingWindowFeature
from voicepipe_diarizer.model import read_pipeline
from voicepipe_diarizer.pipeline import OncePerWindow

from .checkpoint_files import VOICE, network
from .conftest import RATE

SECONDS = 11  # two windows: the stock stage is slow


@pytest.fixture(scope="module")
def segmented(model, call):
    file = {"waveform": call.between(9, 9 + SECONDS), "sample_rate": RATE, "uri": "x"}
    return file, model.pipeline.get_segmentations(file)


@pytest.fixture
def pipeline_with(model, monkeypatch):
    """The pipeline with its own embedding network, or with an untrained ResNet of the size in community-1."""

    def put(architecture: str):
        if architecture == "WeSpeakerResNet34":
            for name in ("dimension", "min_num_samples"):  # cached properties of the other network
                monkeypatch.setitem(model.pipeline._embedding.__dict__, name, {"dimension": 256}.get(name, 640))
            monkeypatch.setattr(model.pipeline._embedding, "model_", network(WeSpeakerResNet34, VOICE))
            model.pipeline.speed_up()
        return model.pipeline

    return put


@pytest.mark.parametrize(
    ("architecture", "exclude_overlap"), [("CAMPPlus", True), ("CAMPPlus", False), ("WeSpeakerResNet34", True)]
)
def test_embeddings_equal_those_of_the_stock_stage(pipeline_with, segmented, architecture, exclude_overlap):
    file, segmentations = segmented
    pipeline = pipeline_with(architecture)
    ours = pipeline.get_embeddings(file, segmentations, exclude_overlap=exclude_overlap)
    stock = SpeakerDiarization.get_embeddings(pipeline, file, segmentations, exclude_overlap=exclude_overlap)
    assert ours.shape == stock.shape == (2, 3, pipeline._embedding.dimension)
    np.testing.assert_allclose(ours, stock, rtol=0, atol=1e-4 * np.abs(stock).max())


def test_folding_the_normalizations_leaves_the_embeddings_as_they_were(default_model, call):
    network = read_pipeline(default_model, OncePerWindow)._embedding.model_
    waveform = call.between(9, 19)[None]
    with torch.inference_mode():
        before = network(waveform)
        network.fold_normalizations()
        after = network(waveform)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in network.modules())
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-5 * float(before.abs().max()))


def test_the_embedding_of_a_window_without_speech_equals_that_of_the_stock_stage(model, segmented):
    file, segmentations = segmented
    data = segmentations.data.copy()
    data[1] = 0
    without_speech = SlidingWindowFeature(data, segmentations.sliding_window)
    ours = model.pipeline.get_embeddings(file, without_speech)
    stock = SpeakerDiarization.get_embeddings(model.pipeline, file, without_speech)
    np.testing.assert_allclose(ours[1], stock[1], rtol=0, atol=1e-5)


def test_progress_counts_every_window_once(model, segmented):
    file, segmentations = segmented
    reported = []
    model.pipeline.get_embeddings(
        file, segmentations, hook=lambda ref, _, *, total, completed: reported.append((ref, completed, total))
    )
    windows = len(segmentations.data)
    assert reported == [("embeddings", number, windows) for number in range(windows + 1)]


def test_half_precision_gives_nearly_the_same_embeddings(model, segmented):
    file, segmentations = segmented
    exact = model.pipeline.get_embeddings(file, segmentations)
    model.pipeline.half_precision = True
    try:
        rough = model.pipeline.get_embeddings(file, segmentations)
    finally:
        model.pipeline.half_precision = False
    cosine = torch.nn.functional.cosine_similarity(torch.from_numpy(exact), torch.from_numpy(rough), dim=-1)
    assert cosine.min() > 0.98


def test_silence_has_no_turns(model):
    file = {"waveform": torch.zeros(1, 12 * RATE), "sample_rate": RATE, "uri": "x"}
    assert not model.pipeline(file).speaker_diarization.labels()
