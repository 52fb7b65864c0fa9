"""The sections of a pane, by what they are about: each a pure function from a stream's figures and a page to lines."""
