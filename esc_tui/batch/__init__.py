"""Many files through the codec: the jobs, the threads that run them, and how a run is shown."""
