"""How good coded speech is: metrics, quality of files, and models beside other coders.

`python -m codec.evaluation --data FOLDER` prints the tables. Nothing in `codec` imports it.
"""
