"""The history of generated images that CycleGAN's discriminators are shown."""

import random
from typing import Any

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class ImagePool(keras.layers.Layer):
    """Mixes generated images with earlier ones.

    The first `size` images are stored and returned unchanged. From then on, with
    probability 1/2, an image replaces a random stored one, which is returned; otherwise
    the image itself is returned.

    All draws follow from the seed and the number of images seen. This number and the
    stored images are saved with the model, so that a restored pool continues the same
    sequence. Under a distribution strategy the images of all replicas enter the pool in
    the order of the replicas, and all replicas hold equal copies, so the result is that
    of one device with the same global batch.

    Images of another size than the stored ones empty the pool.

    Args:
        size: number of images to hold; 0 returns every image unchanged.
        seed: of the draws; None draws one.
        **kwargs: of `keras.layers.Layer`.

    Raises:
        ValueError: `size` below 0.

    Source: Shrivastava et al., arXiv:1612.07828, section 2.3; CycleGAN section 4.
    """

    def __init__(self, size: int = 50, seed: int | None = None, **kwargs: Any) -> None:
        # Images keep float32, whatever precision the networks compute in.
        kwargs = {"trainable": False, "dtype": "float32", **kwargs}
        super().__init__(**kwargs)
        if size != int(size) or size < 0:
            raise ValueError(
                f"The pool's size must be a whole number, 0 or more. Received {size}."
            )
        self.size = size
        # XLA cannot change the shape of a variable.
        self.supports_jit = size == 0
        self.seed = random.randrange(2**31) if seed is None else seed
        # Only the first batch tells the shape; a Keras variable needs it before.
        self.images = tf.Variable(
            tf.zeros((0, 0, 0, 0)), shape=(None,) * 4, trainable=False, name="images"
        )
        self.seen = tf.Variable(0, dtype=tf.int64, trainable=False, name="seen")
        self.built = True

    def call(self, images):
        """Returns equally many images, float32 `(batch, height, width, channels)`."""
        images = tf.stop_gradient(tf.cast(images, tf.float32))
        if self.size == 0:
            return images
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return self._exchange_all(images)
        count = tf.shape(images)[:1]
        counts = replica.all_gather(count, axis=0)
        first = tf.reduce_sum(counts[: replica.replica_id_in_sync_group])
        everyone = self._exchange_all(replica.all_gather(images, axis=0))
        return everyone[first : first + count[0]]

    def _exchange_all(self, images):
        shape = tf.concat([[self.size], tf.shape(images)[1:]], axis=0)
        stored = tf.raw_ops.VariableShape(input=self.images.handle)
        fits = tf.reduce_all(tf.equal(stored, shape))
        tf.cond(fits, lambda: True, lambda: self._empty(shape))
        # One by one, because an image may replace an earlier one of its batch.
        exchanged = tf.map_fn(self._exchange, images, parallel_iterations=1)
        return tf.ensure_shape(exchanged, images.shape)

    def _empty(self, shape):
        # Raw operations update the replica's own copy, without synchronization.
        tf.raw_ops.AssignVariableOp(resource=self.images.handle, value=tf.zeros(shape))
        tf.raw_ops.AssignVariableOp(
            resource=self.seen.handle, value=tf.constant(0, tf.int64)
        )
        return True

    def _exchange(self, image):
        seen = tf.raw_ops.ReadVariableOp(resource=self.seen.handle, dtype=tf.int64)
        seed = tf.stack([tf.constant(self.seed, tf.int64), seen])
        coin, place = tf.unstack(
            tf.random.stateless_uniform((2,), seed, alg="philox"), num=2
        )
        is_full = seen >= self.size
        index = tf.where(is_full, tf.cast(place * self.size, tf.int64), seen)
        old = tf.raw_ops.ResourceGather(
            resource=self.images.handle, indices=index, dtype=tf.float32
        )
        is_swapped = tf.logical_and(is_full, coin < 0.5)
        is_stored = tf.logical_or(is_swapped, tf.logical_not(is_full))
        tf.raw_ops.ResourceScatterUpdate(
            resource=self.images.handle,
            indices=index,
            updates=tf.where(is_stored, image, old),
        )
        tf.raw_ops.AssignAddVariableOp(
            resource=self.seen.handle, value=tf.constant(1, tf.int64)
        )
        return tf.where(is_swapped, old, image)

    def state(self):
        """The pool's variables by name, for backups."""
        return {"images": self.images, "seen": self.seen}

    def save_own_variables(self, store):
        for name, variable in self.state().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store):
        for name, variable in self.state().items():
            variable.assign(store[name][()])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "seed": self.seed}
