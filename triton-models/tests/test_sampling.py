import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sampling = importlib.import_module("whisper.1.sampling")

TOKENS, END, FIRST_TIME = 12, 8, 9  # text, end, timestamps: in the order of Whisper's tokens


def logits_after(tokens):
    """A fake language model: the next logits depend on all preceding tokens."""
    return np.random.default_rng([7, *tokens]).normal(0, 2, TOKENS)


def engine(limit, calls=None):
    def continued(prefix):
        if calls is not None:
            calls.append(list(prefix))
        tokens, steps = list(prefix), [logits_after(prefix[:i]) for i in range(len(prefix))]
        while len(steps) < limit:
            steps.append(logits_after(tokens))
            tokens.append(int(np.argmax(steps[-1])))
            if tokens[-1] == END:
                break
        return steps

    return continued


def allow_all(logits, _tokens):
    return logits


def one_by_one(temperature, seed, max_tokens):
    """The same draw with one model call per step."""
    draw, tokens = np.random.default_rng(seed), []
    while len(tokens) < max_tokens:
        token = int(np.argmax(logits_after(tokens) / temperature + draw.gumbel(size=TOKENS)))
        if token == END:
            break
        tokens.append(token)
    return tokens


def drawn(temperature, seed, max_tokens, calls=None):
    return sampling.sample(
        engine(max_tokens, calls), allow_all, temperature=temperature, seed=seed, end=END, max_tokens=max_tokens
    )


@given(st.floats(0.1, 2), st.integers(0, 999), st.integers(1, sampling.SURPRISES_MAX))
def test_the_draw_equals_one_made_step_by_step(temperature, seed, max_tokens):
    assert drawn(temperature, seed, max_tokens).tokens == one_by_one(temperature, seed, max_tokens)


def test_the_seed_determines_the_sample():
    samples = {seed: drawn(1.5, seed, 20).tokens for seed in range(8)}
    assert samples == {seed: drawn(1.5, seed, 20).tokens for seed in range(8)}
    assert len({tuple(tokens) for tokens in samples.values()}) > 4


def test_token_frequencies_follow_the_temperature():
    n, temperature = 4_000, 0.7
    first = [drawn(temperature, seed, 1).tokens for seed in range(n)]
    seen = np.bincount([tokens[0] if tokens else END for tokens in first], minlength=TOKENS) / n
    expected = np.exp(logits_after([]) / temperature)
    assert np.abs(seen - expected / expected.sum()).max() < 0.03


def test_a_draw_near_temperature_zero_is_the_likeliest_text_in_one_call():
    calls = []
    cold = drawn(1e-6, 1, 20, calls)
    likeliest = [int(np.argmax(step)) for step in engine(20)([])]
    assert [*cold.tokens, END][: len(likeliest)] == likeliest
    assert calls == [[]]


def test_the_log_probability_is_that_at_temperature_one():
    sample = drawn(0.8, 3, 20)
    seen = [*sample.tokens, *([] if sample.truncated else [END])]
    logs = [logits_after(seen[:i])[token] - np.logaddexp.reduce(logits_after(seen[:i])) for i, token in enumerate(seen)]
    assert sample.logprob == pytest.approx(sum(logs))


def test_uniform_logits_cost_a_bounded_number_of_calls():
    calls = []

    def never_ends(prefix):
        calls.append(prefix)
        return [np.where(np.arange(TOKENS) == END, -99.0, 0.0)] * 200

    sample = sampling.sample(never_ends, allow_all, temperature=2.0, seed=1, end=END, max_tokens=200)
    assert sample.truncated
    assert len(sample.tokens) == 200
    assert len(calls) <= sampling.SURPRISES_MAX + 1


def test_forbidden_tokens_are_never_drawn():
    mask = sampling.timestamp_mask(FIRST_TIME, END, [5], timestamps=False)
    for seed in range(40):
        sample = sampling.sample(engine(30), mask, temperature=2.0, seed=seed, end=END, max_tokens=30)
        assert not {5, *range(FIRST_TIME, TOKENS)}.intersection(sample.tokens)


def test_timestamps_come_in_pairs_and_never_decrease():
    mask = sampling.timestamp_mask(FIRST_TIME, END, [], timestamps=True)
    for seed in range(200):
        tokens = sampling.sample(engine(30), mask, temperature=2.0, seed=seed, end=END, max_tokens=30).tokens
        times = [token for token in tokens if token >= FIRST_TIME]
        assert times == sorted(times)
        assert tokens[:1] == times[:1]
        runs = "".join("t" if token >= FIRST_TIME else "w" for token in tokens)
        assert "ttt" not in runs
        assert "wtw" not in runs
