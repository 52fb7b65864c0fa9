"""How good a model is, in figures, beside Opus and Codec 2: `python -m codec.comparison --data FOLDER`."""
