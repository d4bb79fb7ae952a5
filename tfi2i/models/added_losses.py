"""What a network's layers add to its player's loss: regularizers and `add_loss`."""

import collections
import contextlib
import contextvars
import functools

import tensorflow as tf

from tfi2i.models.shapes import shapes_of

# Replicas of a MirroredStrategy are traced in threads, which take turns.
_gathered = contextvars.ContextVar("gathered", default=None)


def run(network, images, training):
    """Calls a network; within `gathering`, keeps what its layers added to the loss.

    Args:
        network: `keras.Model`.
        images: its input.
        training: as in Keras.

    Returns:
        Its output in float32, whatever it computes in.
    """
    outputs = tf.cast(network(images, training=training), tf.float32)
    gathered = _gathered.get()
    if gathered is not None:
        gathered[id(network)] += _added_by_last_call(network)
    return outputs


@contextlib.contextmanager
def gathering():
    """Within, `run` keeps the added losses of every call.

    Yields:
        For `added_loss`.
    """
    gathered = collections.defaultdict(list)
    token = _gathered.set(gathered)
    try:
        yield gathered
    finally:
        _gathered.reset(token)


def added_loss(gathered, networks):
    """The sum of what layers of `networks` added, with their weights' regularizers.

    Args:
        gathered: of `gathering`, which need not have ended.
        networks: of one player.

    Returns:
        float32 scalar, not scaled.
    """
    losses = []
    for network in networks:
        losses += gathered[id(network)] + _regularization(network)
    # Keras takes other shapes than scalars, too, and adds them up.
    return sum((tf.reduce_sum(tf.cast(x, tf.float32)) for x in losses), tf.zeros(()))


def is_regularized(networks):
    """Whether any weight of `networks` has a regularizer."""
    return any(w.regularizer is not None for n in networks for w in n.weights)


def has_added_losses(networks):
    """Whether layers of `networks` add losses in a call, such as of activities."""
    return any(map(_has_added_losses, networks))


def _added_by_last_call(network):
    # Keras lists those of calls first, then those of weights.
    return network.losses[: -_count_regularized(network) or None]


def _regularization(network):
    count = _count_regularized(network)
    return network.losses[-count:] if count else []


def _count_regularized(network):
    return sum(w.regularizer is not None for w in network.trainable_weights)


def _has_added_losses(network):
    layers = network._flatten_layers()
    if any(layer.activity_regularizer is not None for layer in layers):
        return True
    # Layers of Keras and of this package add none by themselves.
    known = ("keras.", "tfi2i.")
    if all(type(layer).__module__.startswith(known) for layer in layers):
        return False
    strategy = tf.distribute.get_strategy()

    @tf.function(autograph=False)
    def call(images):
        replica = functools.partial(network, training=True)
        return strategy.run(replica, args=(images,))

    call.get_concrete_function(tf.TensorSpec(shapes_of(network).input, tf.float32))
    return bool(_added_by_last_call(network))
