"""The ESC network in plain PyTorch: readable, and the oracle for `codec.inference`."""
