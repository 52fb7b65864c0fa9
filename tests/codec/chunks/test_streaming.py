"""Seamless chunks against the whole sound coded in one pass."""

import numpy as np
import pytest
import soundfile
import torch

from codec import Codec
from codec.chunks.packed import CodedChunk
from codec.chunks.plan import ChunkPlan, Stitching
from codec.chunks.receptive_field import decoding_field, encoding_field
from codec.chunks.streaming import Contribution, chunker_for, decoder_for, encode_chunk, history_chunks
from codec.config import ModelConfig
from codec.evaluation.metrics import si_sdr_db
from codec.network.esc import ESC
from codec.types import Audio
from esc_tui.commands.demo import SPEECH_SAMPLE
from tests.codec.models import TINY, random_network, small_config


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.load(TINY)


@pytest.fixture(scope="module")
def speech() -> Audio:
    sound, _ = soundfile.read(SPEECH_SAMPLE, dtype="float32", frames=40_123)
    return sound


def seamless(chunk_samples: int) -> ChunkPlan:
    return ChunkPlan(chunk_samples, 0, Stitching.SEAMLESS)


def in_chunks(codec: Codec, sound: Audio, plan: ChunkPlan, lookahead_samples: int | None = None) -> list[CodedChunk]:
    chunker = chunker_for(codec, plan, lookahead_samples)
    chunks = [chunk for at in range(0, len(sound), 999) for chunk in chunker.push(sound[at : at + 999])]
    return [encode_chunk(codec, chunk, codec.max_streams) for chunk in (*chunks, *chunker.finish())]


def joined(parts: list[Contribution]) -> Audio:
    return np.concatenate([part.audio for part in parts])


def decoded(codec: Codec, chunks: list[CodedChunk], plan: ChunkPlan) -> Audio:
    decoder = decoder_for(codec, plan)
    return joined([*map(decoder.push, chunks), decoder.finish()])


def whole(codec: Codec, sound: Audio) -> tuple[np.ndarray, Audio]:
    codes = codec.encode(np.pad(sound, (0, -len(sound) % 320)))
    return codes, codec.decode(codes, samples=len(sound))


@pytest.mark.parametrize("chunk_samples", [320, 2240, 16000])
def test_codes_and_sound_are_those_of_the_whole(codec: Codec, speech: Audio, chunk_samples: int) -> None:
    """For any chunk length every code equals that of one pass over all, and every sample is within 1e-4."""
    sound = speech[:9_123] if chunk_samples == 320 else speech
    chunks = in_chunks(codec, sound, seamless(chunk_samples))
    codes, audio = whole(codec, sound)
    assert np.array_equal(np.concatenate([chunk.codes for chunk in chunks], 2), codes)
    assert [chunk.tail for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    found = decoded(codec, chunks, seamless(chunk_samples))
    assert found.shape == sound.shape
    assert np.abs(found - audio).max() < 1e-4


@pytest.mark.parametrize("samples", [1, 319, 320, 15_999, 16_000, 16_001, 16_320])
def test_lengths_come_back_exactly(codec: Codec, speech: Audio, samples: int) -> None:
    """A sound of any length comes back with that length, and its last chunk alone has a tail."""
    chunks = in_chunks(codec, speech[:samples], seamless(16000))
    assert sum(chunk.samples for chunk in chunks) == samples
    assert len(decoded(codec, chunks, seamless(16000))) == samples
    assert sum(chunk.tail for chunk in chunks) == 1


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("chunk_samples", [640, 960, 3200, 8000])
def test_a_decoder_without_memory_goes_on_where_another_stopped(
    codec: Codec, speech: Audio, chunk_samples: int, exact: bool
) -> None:
    """Begun so many chunks earlier as history, a new decoder hands out the contributions that are still missing."""
    plan = seamless(chunk_samples)
    chunks = in_chunks(codec, speech[:20_000], plan)
    decoder, expected = decoder_for(codec, plan), whole(codec, speech[:20_000])[1]
    kept = len(chunks) // 2 + 1
    saved = [decoder.push(chunk) for chunk in chunks[:kept]]
    fresh = decoder_for(codec, plan)
    history = history_chunks(codec, plan, exact=exact)
    later = [*map(fresh.push, chunks[max(0, kept - history) :]), fresh.finish()]
    found = joined([*saved, *(part for part in later if part.index >= kept)])
    assert found.shape == expected.shape
    margin = 0 if exact else decoding_field(codec.config).back_samples
    assert np.abs(found - expected)[: len(joined(saved))].max() < 1e-4
    assert np.abs(found - expected)[len(joined(saved)) + margin :].max(initial=0) < 1e-4


def test_a_lost_chunk_is_forgotten_within_one_reach(codec: Codec, speech: Audio) -> None:
    """After a gap, which is silent, the sound is that of the whole again as soon as the reach is past."""
    plan, lost = seamless(6400), 3
    chunks = in_chunks(codec, speech, plan)
    decoder = decoder_for(codec, plan)
    parts = [decoder.push_silence(lost, 6400) if chunk.index == lost else decoder.push(chunk) for chunk in chunks]
    found, expected = joined([*parts, decoder.finish()]), whole(codec, speech)[1]
    reach = decoding_field(codec.config)
    start, stop = lost * 6400, (lost + 1) * 6400
    assert not found[start:stop].any()
    assert np.abs(found - expected)[: start - reach.ahead_samples].max() < 1e-4
    assert np.abs(found - expected)[stop + reach.back_samples :].max() < 1e-4


def test_streams_may_change_from_chunk_to_chunk(codec: Codec, speech: Audio) -> None:
    """Far from a change of streams, the sound is that of the whole with so many streams."""
    plan = seamless(16000)
    chunks = in_chunks(codec, speech[:32000], plan)
    codes, _ = whole(codec, speech[:32000])
    thin = CodedChunk(0, 16000, chunks[0].codes[:2], tail=False)
    found = decoded(codec, [thin, chunks[1]], plan)
    assert np.abs(found - codec.decode(codes[:2], samples=32000))[:8000].max() < 1e-4
    assert np.abs(found - codec.decode(codes, samples=32000))[24000:].max() < 1e-4


def test_a_shorter_lookahead_costs_codes_and_quality(codec: Codec, speech: Audio) -> None:
    """The shorter the look-ahead, the fewer codes and the less of the sound are those of the whole."""
    codes, audio = whole(codec, speech)
    plan = seamless(8000)
    same, likeness_db = [], []
    for lookahead_ms in (0, 160, 440):
        chunks = in_chunks(codec, speech, plan, lookahead_ms * 16)
        same.append(np.mean(np.concatenate([chunk.codes for chunk in chunks], 2) == codes))
        likeness_db.append(si_sdr_db(audio, decoded(codec, chunks, plan)))
    assert same[0] < same[1] <= same[2] == 1.0
    assert likeness_db[0] < likeness_db[1] < likeness_db[2]


def test_decoding_with_a_shorter_lookahead_comes_sooner_and_costs_quality(codec: Codec, speech: Audio) -> None:
    """The same codes give the more of the whole's sound, and the later, the more of what follows is waited for."""
    _, audio = whole(codec, speech)
    plan = seamless(1280)
    chunks = in_chunks(codec, speech, plan)
    likeness_db, first = [], []
    for lookahead_ms in (0, 40, 120, None):
        decoder = decoder_for(codec, plan, None if lookahead_ms is None else lookahead_ms * 16)
        parts = [*map(decoder.push, chunks), decoder.finish()]
        likeness_db.append(si_sdr_db(audio, joined(parts)))
        first.append(next(part.index for part in parts if len(part.audio)))
        assert len(joined(parts)) == len(speech)
    assert likeness_db == sorted(likeness_db)
    assert likeness_db[1] > likeness_db[0] + 5
    assert likeness_db[-1] > 60
    assert first == sorted(first)
    assert first[0] == 0 < first[-1]


REACHES = [
    small_config(),
    small_config(swin_depth=1),
    small_config(swin_depth=3, window_size=3),
    small_config(patch_size=(2, 1), overlap=4),
    small_config(patch_size=(6, 4), overlap=1),
]


@pytest.mark.parametrize("config", REACHES, ids=str)
def test_no_code_reaches_further_than_computed(config: ModelConfig) -> None:
    """Perturbing sound outside the reach of a stretch moves none of its codes; inside, some move."""
    reach = encoding_field(config)
    unit = reach.alignment_samples
    start = 2 * -(-(reach.back_samples + reach.ahead_samples) // unit) * unit
    frames = slice(start // config.frame_samples, (start + unit) // config.frame_samples)
    moved = 0
    for seed in range(8):
        network = random_network(config, seed)
        generator = torch.Generator().manual_seed(seed)
        sound, other = (torch.randn(1, 2 * start + unit, generator=generator) for _ in range(2))
        kept = codes_of(network, sound, other, 0, sound.shape[1])[..., frames]
        within = codes_of(network, sound, other, start - reach.back_samples, start + unit + reach.ahead_samples)
        moved += int((codes_of(network, sound, other, start, start + unit)[..., frames] != kept).sum())
        assert torch.equal(within[..., frames], kept)
    assert moved


def codes_of(network: ESC, sound: torch.Tensor, other: torch.Tensor, start: int, stop: int) -> torch.Tensor:
    """The codes of `sound` from `start` to `stop`, with another sound before and after."""
    mixed = torch.cat([other[:, :start], sound[:, start:stop], other[:, stop:]], 1)
    with torch.inference_mode():
        return network.encode(mixed, network.config.max_streams)


@pytest.mark.parametrize("config", REACHES, ids=str)
def test_no_sound_depends_on_codes_beyond_the_reach(config: ModelConfig) -> None:
    """Changing codes outside the reach of a stretch moves none of its samples; inside, some move."""
    network, reach = random_network(config), decoding_field(config)
    unit, frame = reach.alignment_samples, config.frame_samples
    start = 2 * -(-(reach.back_samples + reach.ahead_samples) // unit) * unit
    generator = torch.Generator().manual_seed(3)
    shape = (1, config.max_streams, config.group_size, (2 * start + unit) // frame + 1)
    codes, others = (torch.randint(config.codebook_size, shape, generator=generator) for _ in range(2))

    def sound_without(before: int, after: int) -> torch.Tensor:
        changed = others.clone()
        changed[..., before // frame : after // frame] = codes[..., before // frame : after // frame]
        with torch.inference_mode():
            return network.decode(changed)[0, start : start + unit]

    kept = sound_without(0, shape[-1] * frame)
    inside = sound_without(start - reach.back_samples, start + unit + reach.ahead_samples)
    assert torch.allclose(inside, kept, atol=1e-5 * float(kept.abs().max()))
    assert not torch.allclose(sound_without(start, start + unit), kept, atol=1e-3 * float(kept.abs().max()))


def test_published_reach() -> None:
    """ESC-Base looks 440 ms around to encode, less than 320 ms to decode, and repeats every 40 ms."""
    encoding, decoding = encoding_field(ModelConfig()), decoding_field(ModelConfig())
    assert encoding.alignment_samples == decoding.alignment_samples == 640
    assert encoding.back_samples <= 480 * 16
    assert decoding.ahead_samples <= 320 * 16
