"""Models that Keras 2 stored, rebuilt without running anything of them."""
