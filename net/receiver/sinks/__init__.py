"""Where decoded sound and received codes go: files and audio devices."""
