"""`model.export`, as Keras has it, of the network that translates."""

import keras

from tfi2i.models.shapes import shapes_of


def export(generator, filepath, format, verbose, input_signature, **kwargs):
    """Exports a generator alone, whether it has been called or not.

    Args:
        generator: `keras.Model` from images to images.
        filepath: where to.
        format: as in `keras.Model.export`.
        verbose: likewise.
        input_signature: likewise; None takes batches of any number of images.
        **kwargs: likewise.
    """
    if input_signature is None:
        input_signature = [_spec(generator)]
    if format != "tf_saved_model":
        generator.export(
            filepath, format, verbose, input_signature=input_signature, **kwargs
        )
        return
    archive = keras.export.ExportArchive()
    archive.track(generator)
    archive.add_endpoint("serve", generator.__call__, input_signature, **kwargs)
    # Else `tf.saved_model.load(path).serve(images)` is without its weights, which
    # only the loaded object holds.
    archive._tf_trackable.whole = archive._tf_trackable
    archive.write_out(filepath, verbose=verbose is not False)


def _spec(generator):
    shape = (None, *shapes_of(generator).input[1:])
    (name,) = getattr(generator, "input_names", None) or [None]
    return keras.InputSpec(shape=shape, dtype=generator.input_dtype, name=name)
