"""A training run from its options to the exported model."""

from dataclasses import dataclass
from pathlib import Path

import torch

from codec.checkpoint import bundled_folder, load_checkpoint
from codec.codec import check_device
from codec.config import CONFIG_FILE, ModelConfig
from codec.errors import UsageError
from codec.network.esc import ESC
from codec.training.checkpoints import export_model, newest_checkpoint, read_checkpoint, save_checkpoint
from codec.training.progress import LOG_FILE, RunLog
from codec.training.schedule import Budget, rate_factor
from codec.training.settings import TrainingSettings, read_run_config
from codec.training.speech import ClipSource, open_speech
from codec.training.trainer import Trainer
from codec.training.workers import Workers, join_workers

MODEL_FOLDER = "model"
CACHE_FOLDER = "speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line says."""

    data: Path
    out: Path
    """Holds the numbered checkpoints, the log, the decoded speech and the exported model."""
    config: Path | None = None
    """None: that of the bundled model."""
    device: str = "cpu"
    steps: int | None = None
    """Steps of this run; without these and `minutes` it goes on until it is interrupted."""
    minutes: float | None = None
    decay: bool = False
    """Let the learning rates fall to zero over this run. Go on later from the checkpoint before it."""
    start: Path | None = None
    """A model folder or a checkpoint to start from, where `out` holds no checkpoint yet."""
    adversarial: bool = False
    compile: bool = False


def run(options: RunOptions) -> Path:
    """Train, from the newest checkpoint in `options.out` where there is one; gives the exported model's folder.

    An interrupt ends the run as its limits do: with a checkpoint and a model. Raises `UsageError` for options, data
    and checkpoints that do not fit.
    """
    check_device(options.device)
    config, settings = read_run_config(options.config or bundled_folder() / CONFIG_FILE)
    with (
        join_workers(options.device) as workers,
        RunLog(options.out / LOG_FILE, settings.log_steps, shown=workers.leads) as log,
    ):
        clips = open_clips(options, config, settings, log, workers)
        torch.manual_seed(settings.seed)
        network = ESC(config)
        if options.compile:
            compile_blocks(network)
        trainer = Trainer(
            network, clips, settings, device=options.device, adversarial=options.adversarial, workers=workers
        )
        restore(trainer, options, log)
        log.say(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters, from step {trainer.step}")
        try:
            train(trainer, options, settings, log, workers)
        except KeyboardInterrupt:
            log.say("interrupted")
        folder = options.out / MODEL_FOLDER
        if workers.leads:
            save_checkpoint(options.out, trainer.step, trainer.state())
            export_model(folder, network)
            log.say(f"step {trainer.step}: the model is in {folder}")
    return folder


def open_clips(
    options: RunOptions, config: ModelConfig, settings: TrainingSettings, log: RunLog, workers: Workers
) -> ClipSource:
    """Decode the data, or reuse what an earlier run decoded; the first worker does so for all."""

    def tell(done: int, total: int) -> None:
        if done % 50 == 0:
            log.say(f"decoding file {done + 1} of {total}")

    if not workers.leads:
        workers.follow_number(0)
    speech = open_speech(options.data, options.out / CACHE_FOLDER, config.sr, settings.exclude, tell)
    if workers.leads:
        workers.follow_number(0)
    log.say(f"{len(speech.lengths)} files, {speech.hours:.2f} hours of sound")
    samples = settings.clip_samples(config)
    return ClipSource(speech, samples, config.sr, seed=settings.seed, augment=settings.augment)


def restore(trainer: Trainer, options: RunOptions, log: RunLog) -> None:
    """Take over the newest checkpoint in `out`, or what the run is told to start from."""
    newest = newest_checkpoint(options.out)
    if newest is None and options.start is None:
        return
    source = newest or options.start
    assert source is not None
    log.say(f"going on from {source}")
    if source.is_dir():
        start_from_model(trainer, source)
        return
    try:
        trainer.load_state(read_checkpoint(source))
    except (KeyError, ValueError, RuntimeError) as error:
        raise UsageError(f"{source} is of another model or optimiser ({error}): choose another --out") from error


def start_from_model(trainer: Trainer, folder: Path) -> None:
    """Take over the weights of a model folder, its codebooks in use; the optimisers start anew."""
    checkpoint = load_checkpoint(folder)
    if checkpoint.config != trainer.network.config:
        raise UsageError(f"{folder} has another configuration: give its config.yaml with --config")
    trainer.network.load_state_dict(checkpoint.network.state_dict())
    trainer.quantizing = True


def train(trainer: Trainer, options: RunOptions, settings: TrainingSettings, log: RunLog, workers: Workers) -> None:
    """Step until the limits of this run are reached."""
    first_step = trainer.step
    budget = Budget(options.steps, options.minutes)
    while (used := workers.follow_number(budget.used(trainer.step - first_step))) < 1:
        factor = rate_factor(trainer.step, settings.warmup_steps, used, options.decay)
        log.add(trainer.train_step(factor), factor, used)
        if workers.leads and trainer.step % settings.checkpoint_steps == 0:
            save_checkpoint(options.out, trainer.step, trainer.state())


def compile_blocks(network: ESC) -> None:
    """Let `torch.compile` make each Swin layer faster: for GPUs; on few CPU cores compiling takes too long."""
    for layer in (network.encoder.pre_nn, *network.encoder.blocks, *network.decoder.blocks, network.decoder.post_nn):
        layer.compile()
