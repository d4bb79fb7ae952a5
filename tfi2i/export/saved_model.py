"""A generator as a SavedModel for TF Serving, with its pre- and postprocessing."""

from pathlib import Path

import keras
import tensorflow as tf

from tfi2i.data.decoding import decode_contents, parse_colour
from tfi2i.data.transforms import to_float, to_uint8
from tfi2i.errors import reason
from tfi2i.inference.sizes import at_inference


def write_saved_model(
    generator: keras.Model, path: Path, background: str = "white"
) -> None:
    """Writes three signatures, all free in batch, height and width.

    `serving_default` takes `image`, uint8 `(batch, height, width, channels)`, and
    returns `translated`, uint8. `float` takes and returns the same names as float32
    in [-1, 1]. `encoded` takes `image_bytes`, strings `(batch,)` of PNG or JPEG, and
    returns `translated_bytes`, PNG, each image at its own size. It decodes as
    `tfi2i translate` does, except that it does not see EXIF orientation; a generator
    of other than 3 channels to 3 has no such signature.

    Args:
        generator: on [-1, 1].
        path: folder to make.
        background: colour under transparent pixels of `encoded`, CSS name or
            `#rrggbb`.

    Raises:
        OSError: naming `path`, where it cannot be written.
    """
    images = (None, None, None, generator.input_shape[-1])
    floats = tf.TensorSpec(images, tf.float32, name="image")
    # One graph for all three.
    on_floats = tf.function(_on_floats(generator), input_signature=[floats])
    colour = parse_colour(background)

    def on_bytes(image):
        return {"translated": to_uint8(on_floats(to_float(image))["translated"])}

    def on_encoded(image_bytes):
        def one(contents):
            image = decode_contents(contents, tf.constant(colour, tf.int32))
            return tf.io.encode_png(on_bytes(image[None])["translated"][0])

        # One at a time, since each has its own size.
        encoded = tf.map_fn(one, image_bytes, fn_output_signature=tf.string)
        return {"translated_bytes": encoded}

    archive = keras.export.ExportArchive()
    # Endpoints track their variables; tracking the model too would save them twice.
    archive.add_endpoint(
        "serving_default", on_bytes, [tf.TensorSpec(images, tf.uint8, name="image")]
    )
    archive.add_endpoint("float", on_floats, [floats])
    if generator.input_shape[-1] == generator.output_shape[-1] == 3:
        contents = tf.TensorSpec((None,), tf.string, name="image_bytes")
        archive.add_endpoint("encoded", on_encoded, [contents])
    _write(archive, path)


def write_float_model(generator: keras.Model, path: Path, size: int | None) -> None:
    """Writes the `float` signature alone, from which TFLite is made.

    Args:
        generator: on [-1, 1].
        path: folder to make.
        size: side of the one image that it takes, or None for a free batch, height
            and width.

    Raises:
        OSError: naming `path`, where it cannot be written.
    """
    shape = (None, None, None) if size is None else (1, size, size)
    spec = tf.TensorSpec((*shape, generator.input_shape[-1]), tf.float32, name="image")
    archive = keras.export.ExportArchive()
    archive.add_endpoint("float", _on_floats(generator), [spec])
    _write(archive, path)


def _on_floats(generator):
    paint = at_inference(generator)
    return lambda image: {"translated": paint(image)}


def _write(archive, path):
    try:
        archive.write_out(str(path), verbose=False)
    except tf.errors.OpError as error:
        raise OSError(f"Cannot write '{path}': {reason(error)}") from error
