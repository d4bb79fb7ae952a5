"""A generator as a SavedModel for TF Serving, with its pre- and postprocessing."""

from pathlib import Path

import keras
import tensorflow as tf

from tfi2i.data.decoding import decode_contents, parse_colour
from tfi2i.data.pixels import RGB, PixelType, from_float, to_float
from tfi2i.data.writing import can_hold
from tfi2i.errors import reason
from tfi2i.inference.sizes import at_inference


def write_saved_model(
    generator: keras.Model,
    path: Path,
    background: str = "white",
    input_pixels: PixelType = RGB,
    output_pixels: PixelType = RGB,
) -> None:
    """Writes three signatures, all free in batch, height and width.

    `serving_default` takes `image`, `(batch, height, width, channels)` of
    `input_pixels`, mostly uint8, and returns `translated`, of `output_pixels`. `float`
    takes and returns the same names as float32 in [-1, 1]. `encoded` takes
    `image_bytes`, strings `(batch,)` of PNG or JPEG, and returns `translated_bytes`,
    PNG of 8 or 16 bits, each image at its own size. It decodes as `tfi2i translate`
    does, except that it does not see EXIF orientation; where inputs or outputs are
    nothing that PNG holds, there is no such signature.

    Whatever a request holds, it is answered by a status: wrong ranks, which would end
    the process in TensorFlow's convolutions, and empty images are refused first.

    Args:
        generator: on [-1, 1].
        path: folder to make.
        background: colour under transparent pixels of `encoded`, CSS name or
            `#rrggbb`.
        input_pixels: what images that it takes are made of.
        output_pixels: what images that it paints are made of.

    Raises:
        OSError: naming `path`, where it cannot be written.
    """
    images = (None, None, None, generator.input_shape[-1])
    floats = tf.TensorSpec(images, tf.float32, name="image")
    stored = tf.TensorSpec(images, input_pixels.dtype, name="image")
    files = tf.TensorSpec((None,), tf.string, name="image_bytes")
    # One graph for all three.
    paint = tf.function(_on_floats(generator)).get_concrete_function(floats)
    colour = parse_colour(background)

    def on_floats(image):
        return paint(_checked(image, floats))

    def on_bytes(image):
        painted = paint(to_float(_checked(image, stored), input_pixels))["translated"]
        return {"translated": from_float(painted, output_pixels)}

    def on_encoded(image_bytes):
        def one(contents):
            under = tf.constant(colour, tf.int32)
            image = decode_contents(contents, under, input_pixels)
            return tf.io.encode_png(on_bytes(image[None])["translated"][0])

        # One at a time, since each has its own size.
        given = _checked(image_bytes, files)
        encoded = tf.map_fn(one, given, fn_output_signature=tf.string)
        return {"translated_bytes": encoded}

    archive = keras.export.ExportArchive()
    # Endpoints track their variables; tracking the model too would save them twice.
    archive.add_endpoint("serving_default", on_bytes, [stored])
    archive.add_endpoint("float", on_floats, [floats])
    if can_hold(".png", input_pixels) and can_hold(".png", output_pixels):
        archive.add_endpoint("encoded", on_encoded, [files])
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


def _checked(given, spec):
    """Refuses what has another rank or number of channels, or is empty."""
    given = tf.ensure_shape(given, spec.shape)
    shape = tf.shape(given)
    is_refused = tf.debugging.Assert(
        tf.reduce_all(shape > 0), [f"{spec.name} is empty: its shape is", shape]
    )
    with tf.control_dependencies([is_refused]):
        return tf.identity(given)


def _write(archive, path):
    try:
        archive.write_out(str(path), verbose=False)
    except tf.errors.OpError as error:
        raise OSError(f"Cannot write '{path}': {reason(error)}") from error
