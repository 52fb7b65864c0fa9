import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from codec import Codec
from codec.config import ModelConfig
from codec.errors import UsageError
from codec.network.esc import ESC
from codec.training.__main__ import main
from codec.training.checkpoints import newest_checkpoint, plain, read_checkpoint
from codec.training.progress import LOG_FILE
from codec.training.settings import TrainingSettings
from codec.training.speech import ClipSource, open_speech
from codec.training.trainer import Trainer
from tests.codec.models import small_config
from tests.ports import free_port

RATE = 16000
CONFIG: ModelConfig = small_config(
    codebook_size=16, in_freq=48, win_len=5, hop_len=2, patch_size=(6, 2), h_dims=(4, 6), max_streams=2, swin_depth=1
)
SETTINGS = TrainingSettings(
    batch_clips=3,
    clip_seconds=0.13,
    pretraining_steps=6,
    warmup_steps=2,
    revive_steps=4,
    learning_rate=2e-2,
    muon_learning_rate=2e-2,
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small tensors are fastest so, and sums come out the same every time."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of something like speech, one file kept back, one broken, one silent and one with NaN."""
    folder = tmp_path_factory.mktemp("speech")
    rng = np.random.default_rng(0)
    for number, name in enumerate(("a/one.wav", "a/two.flac", "b/three.wav", "heldout/four.wav")):
        time_s = np.arange(RATE) / RATE
        pitch = 2 * np.pi * np.cumsum(100 + 40 * number + 20 * np.sin(5 * time_s)) / RATE
        voice = sum(np.sin(order * pitch) / order for order in range(1, 9)) + 0.05 * rng.standard_normal(RATE)
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, 0.1 * voice * (1 + np.sin(20 * time_s)), RATE)
    (folder / "a/broken.wav").write_bytes(b"RIFF and nothing more")
    soundfile.write(folder / "b/silent.wav", np.zeros(RATE), RATE)
    damaged = np.where(np.arange(RATE) % 50, 0.1, np.nan).astype(np.float32)
    soundfile.write(folder / "b/nan.wav", damaged, RATE, subtype="FLOAT")
    return folder


def clips(data: Path, cache: Path, settings: TrainingSettings = SETTINGS) -> ClipSource:
    speech = open_speech(data, cache, RATE, settings.exclude)
    return ClipSource(speech, settings.clip_samples(CONFIG), RATE, seed=settings.seed, augment=settings.augment)


def trainer(data: Path, cache: Path, settings: TrainingSettings = SETTINGS, *, adversarial: bool = False) -> Trainer:
    torch.manual_seed(0)
    return Trainer(ESC(CONFIG), clips(data, cache, settings), settings, device="cpu", adversarial=adversarial)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_losses_fall(data: Path, tmp_path: Path, optimiser: str) -> None:
    """A few dozen steps, through pre-training and codebooks, bring decoded sound nearer to what was coded."""
    settings = TrainingSettings(
        **{name: getattr(SETTINGS, name) for name in SETTINGS.__struct_fields__} | {"optimiser": optimiser}
    )
    training = trainer(data, tmp_path, settings)
    reports = [training.train_step(1.0) for _ in range(24)]
    first, last = (np.mean([report.losses["mel"] for report in part]) for part in (reports[:5], reports[-5:]))
    assert last < 0.95 * first
    assert not any(report.skipped for report in reports)
    assert training.quantizing


def test_resuming_gives_what_going_on_gives(data: Path, tmp_path: Path) -> None:
    """Steps from a saved state are those of the run that was never interrupted, weight for weight."""
    whole, broken = trainer(data, tmp_path), trainer(data, tmp_path)
    for _ in range(5):
        broken.train_step(1.0)
    resumed = trainer(data, tmp_path)
    for _ in range(10):
        whole.train_step(1.0)
    torch.save(broken.state(), tmp_path / "state.pt")
    resumed.load_state(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(5):
        resumed.train_step(1.0)
    assert resumed.step == whole.step
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_dead_codewords_revive(data: Path, tmp_path: Path) -> None:
    """Codewords that nothing chooses move to where vectors are."""
    training = trainer(data, tmp_path)
    for _ in range(8):
        training.train_step(1.0)
    for quantizer in training.network.streams:
        for book in quantizer.books:
            book.embedding.weight.data[1:] = -book.embedding.weight.data[0]
    reports = [training.train_step(1.0) for _ in range(8)]
    uses = [report.book_use for report in reports if report.book_use is not None]
    assert len(uses) == 2
    assert np.mean([use.share for use in uses[0]]) < np.mean([use.share for use in uses[-1]])
    assert np.mean([use.perplexity for use in uses[-1]]) > 3


def test_silent_and_damaged_files_are_survived(data: Path, tmp_path: Path) -> None:
    """Silence is not drawn, NaN is read as silence, broken files are passed over; batches are finite and loud."""
    source = clips(data, tmp_path)
    for step in range(20):
        batch = source.batch(step, 4)
        assert batch.isfinite().all()
        assert (batch.abs().amax(-1) > 1e-3).all()
        assert (batch.abs() <= 1).all()


def test_gradients_that_are_not_finite_move_nothing(data: Path, tmp_path: Path) -> None:
    """A step that would ruin the weights is skipped and said to be."""
    training = trainer(data, tmp_path)
    training.network.encoder.patch_embed.proj.weight.register_hook(lambda gradient: gradient * torch.nan)
    before = [parameter.clone() for parameter in training.network.parameters()]
    assert training.train_step(1.0).skipped
    assert all(torch.equal(old, new) for old, new in zip(before, training.network.parameters(), strict=True))


def test_held_out_folders_are_left_out(data: Path, tmp_path: Path) -> None:
    """What is kept for measuring is never trained on; all else is found at any depth."""
    speech = open_speech(data, tmp_path, RATE, ("heldout",))
    assert set(speech.sources) == {"a", "b"}
    assert len(speech.lengths) == 6
    assert open_speech(data, tmp_path, RATE, ("heldout",)).lengths == speech.lengths


def test_discriminators_join_in(data: Path, tmp_path: Path) -> None:
    """With an adversary, its losses are there, it learns, and its state is part of the checkpoint."""
    training = trainer(data, tmp_path, adversarial=True)
    before = [tensor.clone() for tensor in training.state()["adversary"]["discriminators"].values()]
    report = training.train_step(1.0)
    assert {"adversarial", "feature"} <= report.losses.keys()
    after = training.state()["adversary"]["discriminators"].values()
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_the_command_trains_goes_on_and_exports(data: Path, tmp_path: Path) -> None:
    """Two runs into one folder: the second goes on where the first ended, and the model loads."""
    settings = {"batch_clips": 2, "clip_seconds": 0.1, "pretraining_steps": 2, "log_steps": 2, "checkpoint_steps": 3}
    document = {"model_name": "csvq+swinT", "model": plain(CONFIG), "training": settings}
    config, out = tmp_path / "config.yaml", tmp_path / "out"
    config.write_text(yaml.safe_dump(document))
    arguments = ["--data", str(data), "--out", str(out), "--config", str(config), "--steps", "4"]
    assert main(arguments) == 0
    assert main([*arguments, "--decay"]) == 0
    newest = newest_checkpoint(out)
    assert newest is not None
    assert read_checkpoint(newest)["step"] == 8
    entries = [json.loads(line) for line in (out / LOG_FILE).read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [2, 4, 6, 8]
    codec = Codec.load(out / "model")
    assert codec.decode(codec.encode(np.zeros(3200, np.float32)), 3200).shape == (3200,)


def test_mistakes_are_explained(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing data, bad options and checkpoints of another model end with advice and exit code 2."""
    out = str(tmp_path / "out")
    assert main(["--data", str(tmp_path / "nowhere"), "--out", out]) == 2
    assert "--data" in capsys.readouterr().err
    config = tmp_path / "config.yaml"
    for training, words in (({"batch_clips": 0}, "batch_clips must be above zero"), ({"speed": 1}, "speed")):
        config.write_text(yaml.safe_dump({"model_name": "csvq+swinT", "model": plain(CONFIG), "training": training}))
        assert main(["--data", str(data), "--out", out, "--config", str(config)]) == 2
        assert words in capsys.readouterr().err
    with pytest.raises(UsageError, match="not a readable checkpoint"):
        read_checkpoint(config)


def test_workers_train_one_network(data: Path, tmp_path: Path) -> None:
    """Two processes share each batch through codebook start and revival, and end with one checkpoint of all steps."""
    settings = {"batch_clips": 2, "clip_seconds": 0.1, "pretraining_steps": 2, "revive_steps": 2, "log_steps": 2}
    config, out = tmp_path / "config.yaml", tmp_path / "out"
    config.write_text(yaml.safe_dump({"model_name": "csvq+swinT", "model": plain(CONFIG), "training": settings}))
    command = [sys.executable, "-m", "codec.training", "--data", str(data), "--out", str(out), "--steps", "4"]
    team = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen([*command, "--config", str(config)], env=team | {"RANK": rank}, stderr=subprocess.PIPE)
        for rank in ("0", "1")
    ]
    for process in processes:
        _, said = process.communicate(timeout=100)
        assert process.returncode == 0, said.decode()
    newest = newest_checkpoint(out)
    assert newest is not None
    assert read_checkpoint(newest)["step"] == 4
    assert len((out / LOG_FILE).read_text().splitlines()) == 3
