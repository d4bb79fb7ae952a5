"""Models of the real tensorflow-addons, in every format, with their outputs.

Runs in the environment of requirements.txt:

    python tests/addons/make.py FOLDER           # as .ci/slow compares
    python tests/addons/make.py FOLDER --small   # as tests/interop/addons holds

FOLDER/cases.json lists what was made: a file, the options of `from_addons` that it
needs, and the arrays `x` and `y` of a network, its input and output.
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow import keras
from tensorflow.keras import layers

InstanceNormalization = tfa.layers.InstanceNormalization


class ReflectionPadding2D(layers.Layer):
    """As that of Keras' CycleGAN example: two numbers, and no get_config."""

    def __init__(self, padding=(1, 1), **kwargs):
        self.padding = tuple(padding)
        super().__init__(**kwargs)

    def call(self, inputs):
        width, height = self.padding
        pads = [[0, 0], [height, height], [width, width], [0, 0]]
        return tf.pad(inputs, pads, mode="REFLECT")


@keras.utils.register_keras_serializable(package="mine")
class ReflectPad(layers.Layer):
    """With get_config, one number and a registered name."""

    def __init__(self, pad, **kwargs):
        super().__init__(**kwargs)
        self.pad = pad

    def call(self, inputs):
        pads = [[0, 0], [self.pad, self.pad], [self.pad, self.pad], [0, 0]]
        return tf.pad(inputs, pads, mode="REFLECT")

    def get_config(self):
        return {**super().get_config(), "pad": self.pad}


def example_generator(filters, downs, blocks, side, name):
    """The generator of keras.io/examples/generative/cyclegan."""
    start = keras.initializers.RandomNormal(stddev=0.02)

    def conv(x, width, size, normalized=True, **kwargs):
        x = layers.Conv2D(
            width, size, kernel_initializer=start, use_bias=False, **kwargs
        )(x)
        return norm(x)

    def norm(x):
        return InstanceNormalization(gamma_initializer=start)(x)

    def relu(x):
        return layers.Activation("relu")(x)

    inputs = layers.Input((side, side, 3), name=name + "_img_input")
    x = relu(conv(ReflectionPadding2D((3, 3))(inputs), filters, 7))
    for level in range(downs):
        width = filters * 2 ** (level + 1)
        x = relu(conv(x, width, 3, strides=2, padding="same"))
    for _ in range(blocks):
        y = relu(conv(ReflectionPadding2D()(x), x.shape[-1], 3))
        y = conv(ReflectionPadding2D()(y), x.shape[-1], 3)
        x = layers.add([x, y])
    for _ in range(downs):
        width = x.shape[-1] // 2
        x = relu(
            norm(
                layers.Conv2DTranspose(
                    width, 3, strides=2, padding="same", use_bias=False
                )(x)
            )
        )
    x = layers.Conv2D(3, 7)(ReflectionPadding2D((3, 3))(x))
    return keras.Model(inputs, layers.Activation("tanh")(x), name=name)


def example_discriminator(filters, side, name):
    """The discriminator of the same example."""
    inputs = layers.Input((side, side, 3), name=name + "_img_input")
    x = layers.Conv2D(filters, 4, strides=2, padding="same")(inputs)
    x = layers.LeakyReLU(0.2)(x)
    for width, strides in ((2, 2), (4, 2), (8, 1)):
        x = layers.Conv2D(
            filters * width, 4, strides=strides, padding="same", use_bias=False
        )(x)
        x = layers.LeakyReLU(0.2)(InstanceNormalization()(x))
    x = layers.Conv2D(1, 4, padding="same")(x)
    return keras.Model(inputs, x, name=name)


def unet(side, filters):
    """Blocks that are sequential models, as in TensorFlow's pix2pix tutorial."""

    def down(width, normalized=True):
        block = keras.Sequential()
        block.add(
            layers.Conv2D(width, 4, strides=2, padding="same", use_bias=not normalized)
        )
        if normalized:
            block.add(InstanceNormalization(axis=3, epsilon=1e-5))
        block.add(layers.LeakyReLU())
        return block

    def up(width):
        block = keras.Sequential()
        block.add(layers.Conv2DTranspose(width, 4, strides=2, padding="same"))
        block.add(layers.BatchNormalization())
        block.add(layers.Dropout(0.5))
        block.add(layers.ReLU())
        return block

    x = inputs = layers.Input((side, side, 3))
    skips = []
    for index, width in enumerate((1, 2, 4)):
        x = down(filters * width, index > 0)(x)
        skips.append(x)
    for width, skip in zip((2, 1), skips[1::-1], strict=True):
        x = layers.Concatenate()([up(filters * width)(x), skip])
    x = layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(x)
    return keras.Model(inputs, x)


def mixture():
    """What else people build of: functions, shared networks, other normalizations."""
    shared = keras.Sequential(
        [
            layers.DepthwiseConv2D(3, padding="same"),
            tfa.layers.GroupNormalization(groups=2, epsilon=1e-4),
            layers.PReLU(shared_axes=[1, 2]),
        ],
        name="shared",
    )
    inner_input = layers.Input((None, None, 4))
    inner = keras.Model(
        inner_input, layers.SeparableConv2D(4, 3, padding="same")(inner_input)
    )
    x = inputs = layers.Input((16, 16, 3))
    x = ReflectPad(2)(x)
    x = layers.Conv2D(4, 5, activation=tf.nn.leaky_relu, kernel_regularizer="l2")(x)
    x = InstanceNormalization(center=False, epsilon=1e-2)(x)
    y = tfa.layers.GroupNormalization(groups=-1)(shared(shared(x)))
    y = InstanceNormalization(scale=False)(inner(y))
    z = InstanceNormalization(center=False, scale=False)(x - y)
    x = tf.concat([x, 1.0 - 2 * z, y / 4.0 + x * y], axis=-1)
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")
    x = layers.Conv2D(8, 3, strides=2)(x)
    x = layers.GroupNormalization(groups=4)(tf.nn.relu(x))
    x = layers.LayerNormalization()(tf.nn.leaky_relu(x, alpha=0.1))
    x = layers.UpSampling2D(interpolation="bilinear")(tf.pad(x, [[0, 0]] * 4))
    x = tf.image.resize(x, (32, 32), method="nearest")
    x = layers.ZeroPadding2D(((1, 2), (0, 3)))(x)
    x = layers.Cropping2D(((0, 1), (1, 0)))(x)
    x = tf.nn.depth_to_space(x, 2)
    x = layers.AveragePooling2D()(layers.MaxPooling2D(2)(x))
    x = layers.Conv2DTranspose(4, 3, strides=2, output_padding=1, padding="same")(x)
    x = layers.Conv2DTranspose(4, 2, dilation_rate=2)(x)
    x = layers.Conv2D(3, 1, activation="sigmoid")(layers.ELU()(x))
    return keras.Model(inputs, x, name="mixture")


class CycleGan(keras.Model):
    """The example's trainer, as far as files go."""

    def __init__(self, **networks):
        super().__init__()
        for name, network in networks.items():
            setattr(self, name, network)

    def call(self, inputs):
        return self.disc_X(self.gen_F(self.gen_G(inputs)))


class Maker:
    """Writes networks with random weights, and what they make of random images."""

    def __init__(self, folder):
        self.folder = folder
        self.random = np.random.default_rng(0)
        self.cases = []
        folder.mkdir(parents=True, exist_ok=True)

    def randomize(self, model):
        """Weights of which no two are alike, so that none can be confused."""
        for variable in model.weights:
            values = self.random.normal(size=variable.shape)
            name = variable.name
            if "kernel" in name:
                values *= np.prod(variable.shape[:-1]) ** -0.5
            elif "gamma" in name or "variance" in name:
                values = 1 + 0.5 * np.tanh(values)
            else:
                values *= 0.3
            variable.assign(values)
        return model

    def outputs(self, name, model, side):
        """Runs a network; the arrays go to NAME.npz."""
        x = self.random.uniform(-1, 1, (2, side, side, 3)).astype(np.float32)
        y = model(x, training=False).numpy()
        np.savez_compressed(self.folder / f"{name}.npz", x=x, y=y)

    def case(self, file, arrays, **options):
        self.cases.append({"file": file, "arrays": f"{arrays}.npz", "options": options})

    def whole(self, name, model, side, endings=(".h5", ".keras", "_saved_model")):
        """Writes a model in the formats of whole models."""
        self.outputs(name, model, side)
        for ending in endings:
            model.save(self.folder / f"{name}{ending}")
            self.case(f"{name}{ending}", name)

    def finish(self, is_small):
        if is_small:
            # Large, and not read: TensorFlow's graph of the model.
            for path in self.folder.glob("*/saved_model.pb"):
                path.write_bytes(b"")
            for path in self.folder.glob("*/fingerprint.pb"):
                path.unlink()
        text = json.dumps(self.cases, indent=1)
        (self.folder / "cases.json").write_text(text + "\n")


def make_weights(maker, model, name):
    """Weights alone, in three formats, and the description beside them."""
    (maker.folder / f"{name}.json").write_text(model.to_json())
    for file in (f"{name}_weights.h5", f"{name}.weights.h5", f"{name}_checkpoint"):
        model.save_weights(maker.folder / file)
        maker.case(file, name, architecture=f"{name}.json")
        maker.case(file, name, architecture="keras-cyclegan")


def make_cyclegan(maker, filters, side, is_small):
    """Keras' example: weights of all networks in one file."""
    networks = {
        "gen_G": example_generator(filters, 2, 1, side, "generator_G"),
        "gen_F": example_generator(filters, 2, 2, side, "generator_F"),
        "disc_X": example_discriminator(filters // 2, side, "discriminator_X"),
        "disc_Y": example_discriminator(filters // 2, side, "discriminator_Y"),
    }
    if is_small:
        del networks["disc_Y"]
    trainer = maker.randomize(CycleGan(**networks))
    for part, network in networks.items():
        maker.outputs(f"cyclegan_{part}", network, side)
    trainer(np.zeros((1, side, side, 3), np.float32))
    trainer.save(maker.folder / "cyclegan_saved_model")
    optimizer = keras.optimizers.Adam()
    optimizer.build(trainer.trainable_variables)
    trainer.gen_G_optimizer = optimizer
    checkpoint = "cyclegan_checkpoints.001"
    trainer.save_weights(maker.folder / checkpoint)
    trainer.save_weights(maker.folder / "cyclegan_weights.h5")
    for part, network in networks.items():
        arrays = f"cyclegan_{part}"
        example = {"architecture": "keras-cyclegan"}
        maker.case(checkpoint, arrays, part=part, **example)
        maker.case("cyclegan_weights.h5", arrays, part=network.name, **example)
        maker.case("cyclegan_saved_model", arrays, part=part)
        maker.case("cyclegan_saved_model", arrays, part=part, **example)


def make_refused(maker):
    """What cannot be imported as it is: a Lambda's code, a class of its own."""
    folder = maker.folder
    x = inputs = layers.Input((8, 8, 3))
    x = layers.Lambda(lambda value: value * 2, name="doubled")(
        InstanceNormalization()(x)
    )
    model = keras.Model(inputs, x)
    model.save(folder / "lambda.h5")
    model.save(folder / "lambda.keras")

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.norm = InstanceNormalization()
            self.conv = layers.Conv2D(3, 3)

        def call(self, inputs):
            return self.conv(self.norm(inputs))

    own = Own()
    own(np.zeros((1, 8, 8, 3), np.float32))
    maker.outputs("own", maker.randomize(own), 8)
    own.save(folder / "own_saved_model")


def make_layers(folder):
    """The layer alone: shapes, scales of values, epsilons, affine or not."""
    random = np.random.default_rng(1)
    arrays = {}
    settings = [
        ((2, 8, 8, 3), 1e-3, 1.0, True),
        ((3, 7, 12, 5), 1e-5, 10.0, True),
        ((1, 1, 1, 4), 1e-3, 1.0, True),
        ((2, 1, 9, 1), 1e-3, 0.01, True),
        ((1, 16, 16, 3), 1e-6, 1.0, True),
        ((2, 9, 10, 6), 0.1, 3.0, False),
    ]
    for index, (shape, epsilon, deviation, affine) in enumerate(settings):
        x = random.normal(random.normal(), deviation, shape).astype(np.float32)
        layer = InstanceNormalization(epsilon=epsilon, center=affine, scale=affine)
        layer.build(shape)
        layer.set_weights([random.normal(size=w.shape) for w in layer.weights])
        weights = layer.get_weights() or [np.zeros(0), np.zeros(0)]
        dy = random.normal(size=shape).astype(np.float32)
        with tf.GradientTape() as tape:
            x = tf.constant(x)
            tape.watch(x)
            y = layer(x)
        dx = tape.gradient(y, x, dy)
        names = ("x", "y", "dy", "dx", "gamma", "beta", "epsilon")
        values = (x, y, dy, dx, *weights, epsilon)
        for name, value in zip(names, values, strict=True):
            arrays[f"{index}_{name}"] = np.asarray(value)
    np.savez_compressed(folder / "layers.npz", **arrays)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    maker = Maker(options.folder)
    filters, side = (2, 16) if options.small else (8, 64)
    resnet = maker.randomize(example_generator(filters, 1, 1, side, "generator"))
    maker.whole("resnet", resnet, side)
    make_weights(maker, resnet, "resnet")
    maker.whole("unet", maker.randomize(unet(side, filters)), side)
    maker.whole("mixture", maker.randomize(mixture()), 16, (".keras", "_saved_model"))
    make_cyclegan(maker, filters, side, options.small)
    if not options.small:
        full = maker.randomize(example_generator(64, 2, 9, 256, "generator"))
        maker.whole("full", full, 256)
        full.save_weights(options.folder / "full_checkpoint")
        maker.case("full_checkpoint", "full", architecture="keras-cyclegan")
    make_refused(maker)
    make_layers(options.folder)
    maker.finish(options.small)


if __name__ == "__main__":
    main()
