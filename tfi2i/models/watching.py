"""What `fit` does for Keras' callbacks, which look for one loss that falls."""

import contextlib

import keras

_LARGEST_DISTANCE = 10.0
"""Images in [-1, 1] are at most 2 apart, standardized ones seldom more than 5."""


class WatchLosses(keras.callbacks.Callback):
    """Reads a trainer's losses, of which none is called "loss".

    `keras.callbacks.TerminateOnNaN` is shown the sum of all losses. A first batch
    whose images are too far apart to be in [-1, 1] is refused.

    Args:
        distances: weights of the losses that compare images, by name.
        terminators: the instances of `TerminateOnNaN`.
    """

    # Keras need not wait for a step's losses because of this callback.
    async_safe = True

    def __init__(self, distances, terminators):
        super().__init__()
        self.distances = distances
        self.terminators = terminators
        self._is_first = True

    def on_train_batch_end(self, batch, logs=None):
        if self._is_first:
            self._is_first = False
            self._check_range(logs)
        for terminator in self.terminators:
            terminator.on_batch_end(batch, {"loss": sum(logs.values())})

    def _check_range(self, logs):
        for name, weight in self.distances.items():
            distance = logs[name] / weight
            if _LARGEST_DISTANCE < distance < float("inf"):
                raise ValueError(
                    "Batches must be float, in [-1, 1], but images of the first one "
                    f"are {distance:.0f} apart ({name}): where pixels are 0 to 255, "
                    "pass images / 127.5 - 1."
                )


@contextlib.contextmanager
def watched(callbacks, distances):
    """The callbacks of `fit`, with `WatchLosses` before them.

    Callbacks that find out by themselves whether a value should fall or rise
    (`mode="auto"`) are told that distances between images should fall.

    Args:
        callbacks: as `keras.Model.fit` takes them.
        distances: weights of the losses that compare images, by name.

    Yields:
        What to pass to `keras.Model.fit`.
    """
    is_container = isinstance(callbacks, keras.callbacks.CallbackList)
    given = callbacks.callbacks if is_container else keras.tree.flatten(callbacks or [])
    terminators = [c for c in given if isinstance(c, keras.callbacks.TerminateOnNaN)]
    for callback in given:
        monitored = str(getattr(callback, "monitor", "")).removeprefix("val_")
        if getattr(callback, "mode", None) == "auto" and monitored in distances:
            callback.mode = "min"
    watch = WatchLosses(distances, terminators)
    if not is_container:
        yield [watch, *given]
        return
    given.insert(0, watch)
    try:
        yield callbacks
    finally:
        given.remove(watch)
