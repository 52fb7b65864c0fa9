"""The ESC network in plain PyTorch: readable, used for training, and the oracle for `codec.engine`."""
