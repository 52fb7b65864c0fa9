"""The sending end, in the order in which a chunk passes.

source → reading → encoding → send buffer → connection. `engine.Sender` is what others start. Never imports
`net.receiver`.
"""
