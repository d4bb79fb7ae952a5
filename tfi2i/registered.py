"""Makes Keras know every class that a stored file names: import this module.

Such classes live in these two packages only, whose `__init__` imports all of them.
"""

import tfi2i.layers
import tfi2i.models  # noqa: F401
