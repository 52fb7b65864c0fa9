"""The protocol between sender and receiver, without I/O: messages, frames, states, limits.

`PROTOCOL.md` describes it byte by byte. Imports no other room of `net`, only its `errors` and `text`.
"""
