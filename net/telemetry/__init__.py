"""Measurements of the link: meters, events, states, and the snapshots made of them.

May import `net.runtime`. Nothing here acts on what it measures.
"""
