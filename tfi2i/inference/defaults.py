"""Translators with extra inputs, as functions of the image alone."""

from collections.abc import Mapping
from typing import Any

import keras

from tfi2i.layers import Default


def bind_defaults(translator: keras.Model, defaults: Mapping[str, Any]) -> keras.Model:
    """Replaces extra inputs by constants.

    Args:
        translator: functional model whose first input is an image; the others are
            called as in `defaults`.
        defaults: values of the extra inputs for one image, by name.

    Returns:
        A functional model of the image, of the same layers. It contains no nested
        model in place of `translator`, so that its layers are seen by those who look
        for them.
    """
    image, *others = translator.inputs
    constants = []
    for tensor in others:
        name, dtype = f"default_{tensor.name}", tensor.dtype
        constants.append(Default(defaults[tensor.name], name=name, dtype=dtype)(image))
    outputs = translator._run_through_graph([image, *constants], lambda layer: layer)
    return keras.Model(image, outputs)
