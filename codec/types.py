"""Names for the arrays that pass between packages. Needs nothing but NumPy."""

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]
"""Mono sound, float32 `[samples]`, full scale at ±1."""

ChannelAudio = npt.NDArray[np.float32]
"""Sound of one or more channels, float32 `[channel, samples]`, full scale at ±1."""

Codes = npt.NDArray[np.uint16]
"""Codes of one stretch of sound, uint16 `[stream, group, frame]`."""
