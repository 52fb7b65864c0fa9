"""Whole sounds and whole files through the codec: to `.esc` and back, in memory or on disk.

Brings `codec.chunks`, `codec.container` and `codec.sound` together; nothing else in `codec` imports it.
"""
