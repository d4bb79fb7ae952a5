"""Scripts are short, and use what every user may."""

import ast

import pytest

import tfi2i
from tests.scripts.running import SCRIPTS


@pytest.mark.parametrize(
    "script", sorted(SCRIPTS.glob("train_*.py")), ids=lambda script: script.stem
)
def test_is_short_and_uses_public_names_only(script):
    text = script.read_text()
    assert len(text.splitlines()) <= 60
    tree = ast.parse(text)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imports == []
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "tfi2i"
    }
    assert used <= set(tfi2i.__all__)
    assert "model.fit(" in text
