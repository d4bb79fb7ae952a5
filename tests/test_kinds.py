"""Nobody asks which model it is, outside a model's own files."""

import ast
from pathlib import Path

import pytest

import tfi2i
from tfi2i.recipes import model_list

ROOT = Path(tfi2i.__file__).parent
MODELS = [model.type for model in model_list.MODELS]
OWN = {ROOT / room / f"{name}.py" for room in ("recipes", "models") for name in MODELS}
KINDS = {model.__name__ for model in model_list.MODELS} | {
    *("Pix2Pix", "CycleGAN", "AdversarialConfig", "PairedData", "UnpairedData"),
    *("PairedFiles", "UnpairedFiles"),
}
# An outline of a trainer's networks, where the sources of weights are other programs'.
FREE = ROOT / "interop"


def _asks(tree):
    """Places that compare a class, or a name, with that of a model."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
            "isinstance",
            "issubclass",
        ):
            asked = ast.walk(node.args[1])
        elif isinstance(node, ast.Compare):
            asked = [part for side in node.comparators for part in ast.walk(side)]
            asked += ast.walk(node.left)
        elif isinstance(node, ast.match_case):
            asked = ast.walk(node.pattern)
        elif isinstance(node, ast.Dict):
            asked = [part for key in node.keys if key for part in ast.walk(key)]
        else:
            continue
        for part in asked:
            name = getattr(part, "id", getattr(part, "attr", None))
            value = getattr(part, "value", None)
            of = getattr(value, "id", getattr(value, "attr", None))
            is_type = name == "type" and of == "model"
            if name in KINDS or value in MODELS or is_type:
                yield part.lineno


def test_nobody_asks_which_model_it_is():
    # `of_type` looks a stored name up in the tuple.
    free = {*OWN, ROOT / "recipes" / "model_list.py"}
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted(ROOT.rglob("*.py"))
        if path not in free and FREE not in path.parents
        for line in _asks(ast.parse(path.read_text("utf-8")))
    ]
    # The public names, by what they are called; a public set of images is of a paper.
    assert [place for place in found if not place.startswith(_NAMES)] == []


_NAMES = ("__init__.py", "preparation/public_sets.py")


@pytest.mark.parametrize(
    "code",
    [
        "isinstance(config.model, Pix2PixConfig)",
        "isinstance(data, (UnpairedData, int))",
        "type(model) is tfi2i.CycleGAN",
        "config.model.type == name",
        "kind == 'cyclegan'",
        "kind in ('pix2pix', 'stargan')",
        "{Pix2PixConfig: 1}[type(config)]",
    ],
)
def test_such_questions_are_found(code):
    assert list(_asks(ast.parse(code)))
