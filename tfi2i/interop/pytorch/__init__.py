"""PyTorch checkpoints, read without PyTorch, as networks of this package."""
