"""`python -m tests.fuzz.run TARGET [OPTION or FOLDER…]`: one target under atheris, with libFuzzer's options."""

import sys

import atheris

with atheris.instrument_imports(include=["codec", "net", "tests.fuzz.targets"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    name, *options = sys.argv[1:]
    again = f"{sys.executable} -m tests.fuzz.run {name}"
    atheris.Setup([again, *options], TARGETS[name])
    atheris.Fuzz()
