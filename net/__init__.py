"""The link: frames, protocol, threads, engines. Nothing here knows the console.

Events and tracebacks go to the loggers below `net`; without a handler of the program's they are kept nowhere.
"""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())
