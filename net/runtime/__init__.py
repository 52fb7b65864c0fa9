"""What every thread of the link uses: the clock, queues, pipelines, the loaded models.

Imports no other room of `net`.
"""
