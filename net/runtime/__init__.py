"""What every thread of the link stands on: the clock, queues, pipelines, the loaded models.

Imports no other room of `net`.
"""
