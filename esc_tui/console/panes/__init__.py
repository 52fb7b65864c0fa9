"""The panes of the console, one an end of the link."""
