"""A player's move: the losses that its networks minimize, and their update."""

import contextlib
import contextvars

import tensorflow as tf

from tfi2i.models.added_losses import gathering

# Of the move within which another one is made. Replicas are traced in threads.
_outer_tape = contextvars.ContextVar("outer_tape", default=None)


class Player:
    """What a step computes for one player, within `AdversarialModel.player`.

    Args:
        compiled: what XLA compiles a function with, or the identity.
        weight: of the sum of `losses` in what is minimized.

    Attributes:
        losses: by name, their weights included, as they are reported.
    """

    def __init__(self, compiled, weight):
        self.losses = {}
        self.weight = weight
        self._compiled = compiled

    def compute(self, function, *args, **options):
        """`function(*args, **options)`, tensors that the losses depend on.

        Where XLA cannot compile the whole step, it compiles `function`.
        """
        return self._compiled(function)(*args, **options)

    def minimize(self, function, *args, **options):
        """Adds the named losses that `function` returns."""
        self.losses |= self.compute(function, *args, **options)


@contextlib.contextmanager
def move(player, optimizer, networks, added):
    """Within, `player` is given its losses; after it, its networks are updated.

    A move within another is no part of the outer one's gradient.

    Args:
        player: `Player`.
        optimizer: of the player.
        networks: that it updates.
        added: from the losses that layers added in calls to those to minimize as well.
    """
    outer = _outer_tape.get()
    pause = contextlib.nullcontext() if outer is None else outer.stop_recording()
    with pause:
        with tf.GradientTape() as tape, gathering() as gathered:
            token = _outer_tape.set(tape)
            try:
                yield
            finally:
                _outer_tape.reset(token)
            total = player.weight * sum(player.losses.values())
            regularization = added(gathered)
            player.losses |= regularization
            total = _scaled(sum(regularization.values(), total), optimizer)
        variables = trainable(networks)
        optimizer.apply(tape.gradient(total, variables), variables)


def trainable(networks):
    """The trainable weights of all of them."""
    return [variable for network in networks for variable in network.trainable_weights]


def is_mirrored():
    """Whether a MirroredStrategy is at work."""
    strategy = tf.distribute.get_strategy()
    # One with a single device, too, leaves the replica for its updates.
    return isinstance(strategy, tf.distribute.MirroredStrategy)


def _scaled(loss, optimizer):
    """A loss shared over the replicas, then scaled for mixed precision.

    Replicas add their gradients, so each contributes its part of the mean over the
    global batch.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return optimizer.scale_loss(loss / replicas)
