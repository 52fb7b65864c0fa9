"""What the two ends of a link say to each other, without I/O: messages, frames, rules, limits.

`PROTOCOL.md` describes it byte by byte. Imports no other room of `net`, only its `errors` and `text`.
"""
