"""A generator as a SavedModel for TF Serving, with its pre- and postprocessing."""

import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfi2i.data.decoding import decode_contents, parse_colour
from tfi2i.data.pixels import RGB, PixelType, from_float, to_float
from tfi2i.data.writing import can_hold
from tfi2i.errors import reason
from tfi2i.inference.free_size import painted
from tfi2i.inference.generators import Extras
from tfi2i.inference.size_padding import at_inference, run_padded, size_rule
from tfi2i.models.extra_inputs import as_batch


def write_saved_model(
    generator: keras.Model,
    path: Path,
    background: str = "white",
    input_pixels: PixelType = RGB,
    output_pixels: PixelType = RGB,
    extras: Extras | None = None,
) -> None:
    """Writes three signatures, all free in batch, height and width.

    `serving_default` takes `image`, `(batch, height, width, channels)` of
    `input_pixels`, mostly uint8, and returns `translated`, of `output_pixels`. `float`
    takes and returns the same names as float32 in [-1, 1]. `encoded` takes
    `image_bytes`, strings `(batch,)` of PNG or JPEG, and returns `translated_bytes`,
    PNG of 8 or 16 bits, each image at its own size. It decodes as `tfi2i translate`
    does, except that it does not see EXIF orientation; where inputs or outputs are
    nothing that PNG holds, there is no such signature.

    A generator with extra inputs has their defaults there, and for each of them three
    signatures more that take it as well: `serving_default_with_label` and so on.

    Whatever a request holds, it is answered by a status: wrong ranks, which would end
    the process in TensorFlow's convolutions, and empty images are refused first.

    Args:
        generator: on [-1, 1].
        path: folder to make.
        background: colour under transparent pixels of `encoded`, CSS name or
            `#rrggbb`.
        input_pixels: what images that it takes are made of.
        output_pixels: what images that it paints are made of.
        extras: the generator with all its inputs, where it has more than the image.

    Raises:
        OSError: naming `path`, where it cannot be written.
    """
    signatures_of = functools.partial(
        _signatures,
        channels=generator.input_shape[-1],
        colour=parse_colour(background),
        pixels=(input_pixels, output_pixels),
    )
    signatures = signatures_of(at_inference(generator))
    for name in extras.defaults if extras else ():
        network = functools.partial(_with_extra, extras, name)
        with_extra = signatures_of(network, _extra_spec(extras, name))
        signatures |= {f"{key}_with_{name}": of for key, of in with_extra.items()}
    archive = keras.export.ExportArchive()
    # Endpoints track their variables; tracking the model too would save them twice.
    for name, (function, specs) in signatures.items():
        archive.add_endpoint(name, function, specs)
    _write(archive, path)


def _signatures(network, *extra, channels, colour, pixels):
    """Functions and their arguments by the names of signatures.

    Args:
        network: from floats, and what `extra` specifies, to floats.
        *extra: `tf.TensorSpec` of a second argument.
        channels: of images that it takes.
        colour: under transparent pixels.
        pixels: of inputs and outputs.
    """
    input_pixels, output_pixels = pixels
    images = (None, None, None, channels)
    floats = tf.TensorSpec(images, tf.float32, name="image")
    stored = tf.TensorSpec(images, input_pixels.dtype, name="image")
    files = tf.TensorSpec((None,), tf.string, name="image_bytes")

    @tf.function(input_signature=[floats, *extra])
    def run(image, *given):
        return {"translated": network(image, *given)}

    # One graph for all three.
    paint = run.get_concrete_function()

    def on_floats(image, *given):
        return paint(*_all_checked((image, *given), (floats, *extra)))

    def on_numbers(image, *given):
        image, *given = _all_checked((image, *given), (stored, *extra))
        translated = paint(to_float(image, input_pixels), *given)["translated"]
        return {"translated": from_float(translated, output_pixels)}

    def on_files(image_bytes, *given):
        def one(item):
            under = tf.constant(colour, tf.int32)
            image = decode_contents(item[0], under, input_pixels)
            answer = on_numbers(image[None], *(part[None] for part in item[1:]))
            return tf.io.encode_png(answer["translated"][0])

        # One at a time, since each has its own size.
        items = _all_checked((image_bytes, *given), (files, *extra))
        encoded = tf.map_fn(one, items, fn_output_signature=tf.string)
        return {"translated_bytes": encoded}

    signatures = {
        "serving_default": (on_numbers, [stored, *extra]),
        "float": (on_floats, [floats, *extra]),
    }
    if can_hold(".png", input_pixels) and can_hold(".png", output_pixels):
        signatures["encoded"] = (on_files, [files, *extra])
    return signatures


def _extra_spec(extras, name):
    inputs = dict(zip(extras.defaults, extras.generator.inputs[1:], strict=True))
    shape = (None, *np.shape(extras.defaults[name]))
    return tf.TensorSpec(shape, inputs[name].dtype, name=name)


def _with_extra(extras, name, images, given):
    """Translates with one extra input that is given, the others at their defaults."""

    def network(padded):
        values = [
            given
            if other == name
            else as_batch(default, padded, _extra_spec(extras, other).dtype)
            for other, default in extras.defaults.items()
        ]
        return painted(extras.generator, [padded, *values])

    return run_padded(network, images, size_rule(extras.generator))


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


def _all_checked(given, specs):
    """`_checked` arguments, which are of equally many images."""
    first, *others = map(_checked, given, specs)
    # Some networks would broadcast one label over several images.
    refused = [
        tf.debugging.Assert(
            tf.equal(tf.shape(first)[0], tf.shape(other)[0]),
            [f"{specs[0].name} and {spec.name} are of different numbers of images"],
        )
        for other, spec in zip(others, specs[1:], strict=True)
    ]
    with tf.control_dependencies(refused):
        return (tf.identity(first) if others else first, *others)


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
