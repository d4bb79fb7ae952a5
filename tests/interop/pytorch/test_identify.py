"""Networks recognised by order and shapes, and named where they are none of ours."""

import itertools

import numpy as np
import pytest

from tests import reference
from tests.interop.pytorch import state_dicts
from tests.interop.pytorch.state_dicts import numbered, tensor, zeros
from tfi2i.interop.pytorch.architecture import Architecture
from tfi2i.interop.pytorch.identify import infer

GOLDEN = sorted((reference.GOLDEN / "networks").glob("*.npz"))


def reason(tensors):
    with pytest.raises(ValueError) as caught:
        infer(tensors)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 500
    assert line[0].isupper() or line[0] in "'\""
    assert line.endswith(".")
    return line


def expected_of(options):
    """The architecture that the options of networks/make.py describe."""
    norm = options.get("norm", "batch")
    norm = "instance" if norm == "tracking" else norm
    generator = options["family"] in ("unet", "flat_unet", "resnet")
    channels = options.get("channels", (3, 3) if generator else 3)
    bias = options.get("bias")
    return Architecture(
        options["family"].removeprefix("flat_"),
        filters=options["f"],
        in_channels=channels[0] if generator else channels,
        out_channels=channels[1] if generator else 1,
        num_downs=options.get("downs"),
        blocks=options.get("blocks"),
        num_layers=options.get("num_layers"),
        norm=norm,
        use_bias=norm.startswith("instance") if bias is None else bias,
        upsample=options.get("upsample", "transpose") if generator else None,
        skips=options.get("skips", True),
        spectral_norm="spectral" in options and not generator,
    )


@pytest.mark.parametrize("path", state_dicts.FILES, ids=lambda path: path.stem)
def test_state_dicts_of_pytorch(path):
    tensors, _, options = state_dicts.read(path)
    assert infer(tensors) == expected_of(options)
    # Other projects' names, and those of DataParallel.
    renamed = {f"module.net.{name}": value for name, value in tensors.items()}
    assert infer(renamed) == expected_of(options)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_state_dicts_of_the_reference(path):
    arrays, config = reference.read(path)
    found = infer(reference.under(arrays, "weights"))
    assert found.norm == config["norm"]
    assert found.in_channels == config["input_nc"]
    if "netG" in config:
        assert found.filters == config["ngf"]
        assert found.out_channels == config["output_nc"]
        size = {
            "unet": 2 ** (found.num_downs or 0),
            "resnet": f"{found.blocks}blocks",
        }[found.network]
        assert config["netG"] == f"{found.network}_{size}"
    else:
        assert found.filters == config["ndf"]
        assert found.kind == "discriminator"
        if config["netD"] == "pixel":
            assert found.network == "pixel"
        else:
            assert found.num_layers == config["n_layers_D"]


NORMS = [
    ("batch", False),
    ("batch", True),
    ("instance", True),
    ("instance_affine", True),
    ("instance_affine", False),
    ("none", False),
]


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "use_bias"), NORMS)
def test_no_two_architectures_look_alike(norm, use_bias):
    rest = dict(norm=norm, use_bias=use_bias)
    generators = [
        *(dict(network="resnet", blocks=blocks) for blocks in (0, 1, 2, 6, 9, 30)),
        *(
            dict(network="unet", num_downs=downs, skips=skips)
            for downs in range(2, 11)
            for skips in (True, False)
        ),
    ]
    discriminators = [
        dict(network="pixel"),
        *(dict(network="patchgan", num_layers=layers) for layers in range(1, 8)),
    ]
    sizes = itertools.product((1, 3, 64), (1, 3, 6), (1, 12))
    for filters, entering, leaving in sizes:
        common = dict(filters=filters, in_channels=entering, **rest)
        for options in discriminators:
            architecture = Architecture(**options, **common)
            assert infer(state_dicts.of(architecture)) == architecture
        for options in generators:
            for upsample in ("transpose", "resize_conv", "subpixel"):
                architecture = Architecture(
                    **options, **common, out_channels=leaving, upsample=upsample
                )
                assert infer(state_dicts.of(architecture)) == architecture


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [
        (dict(network="resnet", blocks=9, norm="instance"), 11_378_179),
        (dict(network="resnet", blocks=9, norm="instance_affine"), 11_388_675),
        (dict(network="unet", num_downs=8, norm="batch"), 54_413_955),
        (dict(network="unet", num_downs=8, skips=False, norm="batch"), 39_075_459),
    ],
)
def test_sizes_are_the_reference_s(architecture, parameters):
    use_bias = architecture["norm"].startswith("instance")
    found = Architecture(
        filters=64,
        in_channels=3,
        out_channels=3,
        upsample="transpose",
        use_bias=use_bias,
        **architecture,
    )
    sizes = {
        name: value.size
        for name, value in state_dicts.of(found).items()
        if name.rpartition(".")[2] in ("weight", "bias")
    }
    assert sum(sizes.values()) == parameters


def test_descriptions():
    found = [str(infer(state_dicts.read(path)[0])) for path in state_dicts.FILES]
    assert found == [
        "PatchGAN discriminator of 1 layer, 3 filters, 3 channels, affine instance "
        "norm",
        "PatchGAN discriminator of 2 layers, 2 filters, 3 channels, instance norm, "
        "spectral norm",
        "PatchGAN discriminator of 3 layers, 2 filters, 3 channels, no norm, spectral "
        "norm",
        "PatchGAN discriminator of 5 layers, 2 filters, 1 channel, no norm",
        "pixel discriminator, 3 filters, 3 channels, instance norm",
        "ResNet generator of 0 blocks, 3 filters, 2 to 1 channel, no norm",
        "ResNet generator of 1 block, 3 filters, resize_conv, 3 to 3 channels, "
        "instance norm",
        "ResNet generator of 1 block, 3 filters, 3 to 3 channels, instance norm",
        "ResNet generator of 1 block, 3 filters, subpixel, 3 to 3 channels, instance "
        "norm",
        "ResNet generator of 2 blocks, 3 filters, 3 to 3 channels, instance norm",
        "U-Net generator of 2 halvings, 3 filters, 3 to 3 channels, no norm",
        "U-Net generator of 3 halvings, 3 filters, subpixel, 3 to 3 channels, batch "
        "norm, with biases",
        "U-Net generator of 5 halvings, 2 filters, 1 to 4 channels, affine instance "
        "norm",
        "U-Net generator of 5 halvings, 2 filters, no skips, 3 to 3 channels, batch "
        "norm",
        "U-Net generator of 6 halvings, 1 filter, 3 to 3 channels, batch norm, with "
        "biases",
    ]


def test_old_statistics_of_instance_norm_may_be_of_some_layers_only():
    path = state_dicts.NETWORKS / "resnet_2_tracking_parallel.npz"
    tensors, _, options = state_dicts.read(path)
    for name in list(tensors)[:20]:
        if "running" in name or "tracked" in name:
            del tensors[name]
    assert infer(tensors) == expected_of(options)


# Each of these is a network too.
ALSO_NETWORKS = {
    # The only bias that depends on the norm.
    ("patchgan_1_affine", "2.bias"),
    # Two layers at eight times the filters look the same, so one can go.
    ("patchgan_5_none_1ch", "11.weight"),
    ("patchgan_5_none_1ch", "14.weight"),
}


@pytest.mark.parametrize("path", state_dicts.FILES, ids=lambda path: path.stem)
def test_missing_tensors_are_named(path):
    tensors, _, options = state_dicts.read(path)
    names = list(tensors)
    for index, name in enumerate(names):
        part = name.rpartition(".")[2]
        optional = part == "num_batches_tracked" or (
            options.get("norm") == "tracking" and part.startswith("running_")
        )
        rest = {other: tensors[other] for other in names if other != name}
        if optional or (path.stem, name) in ALSO_NETWORKS:
            infer(rest)
            continue
        line = reason(rest)
        # A kernel without a bias leaves nothing that bears its name.
        if repr(name) not in line:
            assert tensors[name].ndim == 4, name
            assert "kernel" in line, line
        if index == 0:
            assert "missing" in line


@pytest.mark.parametrize("path", state_dicts.FILES, ids=lambda path: path.stem)
def test_wrong_shapes_are_named(path):
    tensors, _, options = state_dicts.read(path)
    for name, value in tensors.items():
        unused = options.get("norm") == "tracking" and "running_" in name
        if not value.ndim or unused:
            continue
        line = reason(tensors | {name: np.concatenate([value] * 2)})
        # A first kernel of twice the filters looks like that of a larger network.
        if value is not next(x for x in tensors.values() if x.ndim == 4):
            assert repr(name) in line


@pytest.mark.parametrize("path", state_dicts.FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("extra.weight", (3, 3, 3, 3)),
        ("extra.weight", (5, 4)),
        ("extra.weight", (4,)),
        ("extra.bias", (4,)),
        ("extra.scale", (4,)),
        ("extra", ()),
    ],
)
def test_tensors_left_over_are_named(path, name, shape):
    tensors, *_ = state_dicts.read(path)
    assert repr(name) in reason(tensors | {name: tensor(shape)})
    assert "left over" in reason({**tensors, "extra.scale": tensor(())})


def test_leftover_between_layers():
    tensors, *_ = state_dicts.read(state_dicts.NETWORKS / "unet_5_no_skips.npz")
    items = list(tensors.items())
    items.insert(3, ("attention.gamma", tensor((1,))))
    line = reason(dict(items))
    assert "has no tensors for 'attention.gamma', which would be left over" in line


def test_norm_where_there_should_be_none():
    # affinelayer's U-Net, and the first one of pix2pix, normalize the innermost level.
    found = Architecture(
        "unet", 2, 3, 3, num_downs=5, norm="batch", upsample="transpose"
    )
    items = list(state_dicts.of(found).items())
    at = next(i for i, (name, _) in enumerate(items) if name.startswith("5."))
    parts = ("weight", "bias", "running_mean", "running_var")
    items[at:at] = [(f"innermost.{part}", tensor((16,))) for part in parts]
    line = reason(dict(items))
    assert "'innermost.weight' looks like a normalization after '4.a.weight'" in line


def resnet_18(layers=(2, 2, 2, 2), outputs=1000):
    shapes, width, entering = {"conv1.weight": (64, 3, 7, 7)}, 64, 64
    for stage, blocks in enumerate(layers):
        for block in range(blocks):
            name = f"layer{stage + 1}.{block}"
            shapes[f"{name}.conv1.weight"] = (width, entering, 3, 3)
            shapes[f"{name}.bn1.weight"] = shapes[f"{name}.bn1.bias"] = (width,)
            shapes[f"{name}.conv2.weight"] = (width, width, 3, 3)
            if entering != width:
                shapes[f"{name}.downsample.0.weight"] = (width, entering, 1, 1)
            entering = width
        width *= 2
    return zeros(shapes | {"fc.weight": (outputs, 512), "fc.bias": (outputs,)})


def vgg_16():
    widths = [3, 64, 64, 128, 128, 256, 256, 256, *[512] * 6]
    kernels = [(b, a, 3, 3) for a, b in itertools.pairwise(widths)]
    lines = {"0.weight": (4096, 25088), "3.weight": (4096, 4096)}
    return numbered(kernels, (lines | {"6.weight": (1000, 4096)}).items())


def pix2pix_hd(halvings=4):
    widths = [64 * 2**level for level in range(halvings + 1)]
    downs = [(b, a, 3, 3) for a, b in itertools.pairwise(widths)]
    inner = [(widths[-1], widths[-1], 3, 3)] * 18
    ends = [(64, 36, 7, 7)], [(3, 64, 7, 7)]
    return numbered([*ends[0], *downs, *inner, *reversed(downs), *ends[1]])


def multiscale(scales):
    one = [(64, 6, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4)]
    return numbered([*one, (1, 512, 4, 4)] * scales)


def star_gan():
    inner = [(256, 256, 3, 3)] * 12
    downs = [(128, 64, 4, 4), (256, 128, 4, 4)]
    return numbered([(64, 8, 7, 7), *downs, *inner, *downs[::-1], (3, 64, 7, 7)])


def star_gan_discriminator():
    widths = [3, *(64 * 2**level for level in range(6))]
    body = [(b, a, 4, 4) for a, b in itertools.pairwise(widths)]
    return numbered([*body, (1, 2048, 3, 3), (5, 2048, 2, 2)])


def diffusion():
    shapes = {"conv_in.weight": (320, 4, 3, 3)}
    for index in range(8):
        shapes[f"resnets.{index}.conv1.weight"] = (320, 320, 3, 3)
        shapes[f"resnets.{index}.time_emb_proj.weight"] = (320, 1280)
    return zeros(shapes | {"conv_out.weight": (4, 320, 3, 3)})


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (resnet_18(), r"classifier \(ResNet-18: 20 convolutions, .* 1000 outputs"),
        (resnet_18((3, 4, 6, 3), 10), r"\(ResNet-34: 36 convolutions, .* 10 outputs"),
        (resnet_18((1, 1, 1)), r"a classifier \(9 convolutions, .* 1000 outputs\)"),
        (vgg_16(), r"a classifier \(VGG-16: 13 convolutions, .* to 1000 outputs\)"),
        (pix2pix_hd(), "a ResNet generator that halves 4 times, as pix2pixHD's"),
        (pix2pix_hd(3), "a ResNet generator that halves 3 times"),
        (pix2pix_hd(1), "a ResNet generator that halves once"),
        (numbered([(32, 3, 7, 7)] * 4), "several scales, as pix2pixHD's LocalEnhancer"),
        (multiscale(2), "2 discriminators in one, as pix2pixHD's"),
        (multiscale(3), "3 discriminators in one"),
        (star_gan(), "as StarGAN's"),
        (star_gan_discriminator(), "a discriminator that also classifies, as StarGAN"),
        (diffusion(), "8 fully connected layers, as diffusion models'"),
        (zeros({"synthesis.b4.conv1.noise_strength": ()}), "a StyleGAN network"),
        (zeros({"convs.0.conv.weight": (1, 512, 512, 3, 3)}), "a StyleGAN network"),
        (zeros({"model.6.filt": (128, 1, 3, 3)}), "anti-aliased resampling, as CUT's"),
        (zeros({"0.weight_g": (8, 1, 1, 1)}), "weight normalization, .* not supported"),
        (zeros({"state.0.exp_avg": (64, 3, 7, 7)}), "the state of an optimizer"),
        (numbered([(10, 3, 5, 5)] * 62), "62 convolutions in 46,500 numbers"),
        (numbered([(10, 3, 5, 5)]), r"1 convolution in .* shape \(10, 3, 5, 5\)"),
        (numbered([(3, 3, 3, 3)] * 3000), "3000 convolutions"),
        (zeros({"fc.weight": (10, 4)}), r"1 tensors and no conv.*\('fc.weight'\)"),
        ({}, "holds no tensors"),
    ],
)
def test_other_networks_are_named(tensors, words):
    with pytest.raises(ValueError, match=words):
        infer(tensors)
    line = reason(tensors)
    assert line.startswith("This checkpoint holds ")
    assert "expected a generator (U-Net, or ResNet of two halvings)" in line


def test_empty_kernel():
    tensors, *_ = state_dicts.read(state_dicts.NETWORKS / "pixel_instance.npz")
    line = reason(tensors | {"0.weight": tensor((3, 0, 1, 1))})
    assert "'0.weight' is empty, of shape (3, 0, 1, 1)" in line


def test_names_are_shown_in_one_line_and_cut():
    tensors, *_ = state_dicts.read(state_dicts.NETWORKS / "pixel_instance.npz")
    line = reason(tensors | {"\x1b[2J\nweight": tensor(())})
    assert r"'\x1b[2J\nweight'" in line
    assert "0" * 121 not in reason(tensors | {"0" * 10_000: tensor(())})
    many = {f"{'0' * 100}{index}": tensor(()) for index in range(100)}
    assert len(reason(tensors | {"x": tensor(())} | dict(list(many.items())[:2]))) < 500
    with pytest.raises(ValueError, match="and 95 more"):
        infer(tensors | many)
