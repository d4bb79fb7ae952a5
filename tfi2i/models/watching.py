"""What `fit` does for Keras' callbacks, which look for one loss that falls."""

import contextlib

import keras


class WatchLosses(keras.callbacks.Callback):
    """Shows Keras' callbacks the sum of a trainer's losses as "loss".

    `keras.callbacks.TerminateOnNaN` is shown the sum of all losses.

    Args:
        terminators: the instances of `TerminateOnNaN`.
    """

    # Keras need not wait for a step's losses because of this callback.
    async_safe = True

    def __init__(self, terminators):
        super().__init__()
        self.terminators = terminators

    def on_train_batch_end(self, batch, logs=None):
        for terminator in self.terminators:
            terminator.on_batch_end(batch, {"loss": sum(logs.values())})


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
    watch = WatchLosses(terminators)
    if not is_container:
        yield [watch, *given]
        return
    given.insert(0, watch)
    try:
        yield callbacks
    finally:
        given.remove(watch)
