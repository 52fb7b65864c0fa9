"""Chunks: how sound is cut, coded chunk by chunk, packed, and joined again.

The plan, the receptive field, the bits and the stitching are arithmetic on sample positions and need no torch;
`streaming` brings them together with a `Codec`. May import `codec.types`, `codec.config` and `codec.errors`.
"""
