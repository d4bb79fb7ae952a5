"""The commands of `tfi2i`, a file for each group of them.

Each reads its words as a dataclass, calls the public function that does the work,
and prints the result. TensorFlow is loaded inside commands only.
"""
