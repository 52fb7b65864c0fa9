"""Sound files: reading, resampling, writing. Nothing here knows codes, models or torch."""
