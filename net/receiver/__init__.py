"""The receiving end, in the order in which a chunk passes.

acceptor → connection → incoming stream → decoding → sinks. `engine.Receiver` is what others start. Never imports
`net.sender`.
"""
