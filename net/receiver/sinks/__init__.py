"""Where decoded sound and received codes go: files, each behind a `RetryingSink`, and audio devices."""
