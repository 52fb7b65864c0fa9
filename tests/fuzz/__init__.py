"""Fuzzing: `make fuzz SECONDS=60` runs each target under atheris, plain tests replay the corpus and try a little."""
