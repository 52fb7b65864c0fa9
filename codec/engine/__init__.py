"""The fast form of the network: the same weights, the same codes, other memory layouts.

`codec.network` is the readable form, and the oracle that the tests compare this one with.
"""
