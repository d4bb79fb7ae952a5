"""The commands of `tfi2i`, a file for each group of them.

Each reads its words as a dataclass, calls the function of `tfi2i.api` that does the
work, and prints what came of it. TensorFlow is loaded inside commands only.
"""
