"""The link: frames, protocol, threads, engines. Nothing here knows the console."""
