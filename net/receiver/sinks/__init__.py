"""Where decoded sound and received codes go: files, each behind a `RetryingSink`, audio devices, and a pipe."""
