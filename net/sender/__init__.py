"""The sending end, in the order in which a chunk passes.

source → reading → encoding → send buffer → exchange, one for each connection. `outgoing_stream` owns these stages,
`rate_policy` decides how much they send, `engine.Sender` is what others start. Never imports `net.receiver`.
"""
