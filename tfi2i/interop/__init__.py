"""Other people's checkpoints, read without their frameworks."""
