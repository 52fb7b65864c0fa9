"""Widgets that draw a part of a snapshot, with no knowledge of engines."""
