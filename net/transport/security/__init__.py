"""Who is at the other end: keys, TLS, trust. Nothing here reads a frame."""
