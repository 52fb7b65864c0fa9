"""Where decoded sound goes: files and audio devices."""
