"""Training ESC models: `python -m codec.training --data FOLDER --out FOLDER --config config.yaml`.

On a CPU with several cores: `torchrun --nproc-per-node CORES -m codec.training …` (`workers`).

The recipe departs from the paper (Gu and Diao, EMNLP 2024, arXiv 2404.19441: 250,000 steps of 36 clips of 3 s on
GPUs, reconstruction by a mel and a compressed-spectrum loss, pre-training without quantization, AdamW) because it must
also make something of a few hours on a few CPU cores:

- clips of about a second, so that a step is short; many different voices matter more than long context (`settings`);
- a signal-to-noise loss and a loudness loss beside the paper's two (`losses`);
- codebooks start as k-means of what the pre-trained encoder gives, and dead codewords move to recent vectors
  (`codebooks`): random codebooks lose thousands of steps;
- Muon on the hidden matrices is offered beside AdamW (`optimisers`);
- warm-up, constant rate, and a decay that is a run of its own: training can always go on from before it (`schedule`);
- augmentation, since the speech at hand has few rooms and microphones (`augment`);
- a discriminator of complex spectra and of periods, as in DAC, can fine-tune (`adversarial`); the paper has none.
"""
