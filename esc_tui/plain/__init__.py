"""Engines without the console: progress on standard error, or JSON lines on standard output."""
