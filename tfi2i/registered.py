"""Every class that a stored file names; importing this makes Keras know them all.

They live in these three rooms alone, each of which imports all of its classes.
"""

import tfi2i.layers
import tfi2i.models
import tfi2i.networks  # noqa: F401
