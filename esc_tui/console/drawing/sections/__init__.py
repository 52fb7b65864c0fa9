"""The sections of a pane, one module each: a pure function from a stream's figures and a page to lines."""
