import configparser
import graphlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import tfi2i

ROOT = Path(tfi2i.__file__).parents[1]


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


def test_importing_loads_nothing_heavy():
    done = python(
        "import sys, tfi2i; dir(tfi2i); tfi2i.__version__; tfi2i.recipes.RECIPES; "
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("name", tfi2i.__all__)
def test_every_public_name_is_there(name):
    assert getattr(tfi2i, name) is not None
    assert name in dir(tfi2i)


def test_the_public_names():
    assert sorted(tfi2i.__all__) == [
        "ConstantThenLinear",
        "CycleGAN",
        "Pix2Pix",
        "__version__",
        "data",
        "evaluate",
        "export",
        "interop",
        "layers",
        "load",
        "losses",
        "metrics",
        "models",
        "networks",
        "recipes",
        "train",
        "training",
        "translate",
    ]


def test_no_import_circle():
    """Between files, imports inside functions and for type checkers among them."""
    graph = grimp.build_graph("tfi2i", cache_dir=None)
    imports = {
        module: graph.find_modules_directly_imported_by(module)
        for module in graph.modules
    }
    assert "tfi2i.api" in imports["tfi2i.commands.train"]
    # Raises CycleError, which names the modules of a circle.
    graphlib.TopologicalSorter(imports).prepare()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'tfi2i' has no attribute 'CycleGun'"):
        tfi2i.CycleGun  # noqa: B018


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("name", ["Pix2Pix", "networks"])
def test_another_backend_is_refused(name, backend):
    """One that is installed, and one that is not."""
    done = python(f"import tfi2i; tfi2i.{name}", KERAS_BACKEND=backend)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: tfi2i.{name} needs Keras on TensorFlow, but ")
    assert f"{backend!r}" in last
    assert "KERAS_BACKEND=tensorflow" in last


_KNOWN = (
    "from keras.src.saving.object_registration import GLOBAL_CUSTOM_OBJECTS as known; "
    "print(*sorted(name for name in known if name.startswith('tfi2i>')))"
)
_EVERYTHING = (
    "import importlib, pkgutil, tfi2i\n"
    "for module in pkgutil.walk_packages(tfi2i.__path__, 'tfi2i.'):\n"
    "    importlib.import_module(module.name)\n"
)


@pytest.mark.parametrize(
    "first",
    [
        "import keras, tfi2i",
        pytest.param("import tfi2i; tfi2i.load", marks=pytest.mark.slow),
        pytest.param("import tfi2i.interop.initial_weights", marks=pytest.mark.slow),
    ],
)
def test_every_stored_class_is_known(first, every_class):
    """Whatever program loads a file, Keras finds what the file names."""
    assert len(every_class) > 15
    assert python(f"{first}\n{_KNOWN}").stdout.split() == every_class


@pytest.fixture(scope="module")
def every_class():
    return python(f"{_EVERYTHING}\n{_KNOWN}").stdout.split()


def test_constraints_pin_every_requirement():
    """Exact versions, no path, no index: the file works on any machine."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    pinned = {pin.partition("==")[0] for pin in pins}
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    wanted = setup["options"]["install_requires"]
    wanted += "".join(setup["options.extras_require"].values())
    for requirement in wanted.split():
        assert re.match(r"[\w-]+", requirement).group() in pinned


def test_every_requirement_names_its_oldest_version():
    """As `.ci/slow` reads it, to install exactly these."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    wanted = setup["options"]["install_requires"].split()
    for requirement in [*wanted, *setup["options.extras_require"]["dev"].split()]:
        assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+(,<[0-9.]+)?", requirement)


@pytest.mark.skipif(os.name == "nt", reason="CI's scripts need bash")
@pytest.mark.parametrize("leftover", [".venv", "saved_models/demo"])
def test_ci_is_not_fooled_by_what_an_earlier_run_left(tmp_path, leftover):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    (tmp_path / "README.md").write_text("    true # tfi2i demo\n    exit 3 # pytest\n")
    done = subprocess.run([tmp_path / ".ci/run"], capture_output=True, text=True)
    assert done.returncode == 3
    (tmp_path / leftover).mkdir(parents=True)
    done = subprocess.run([tmp_path / ".ci/run"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f".ci/run: '{leftover}' is here already; run it in a clean clone: "
        "git clone . DIR && DIR/.ci/run\n"
    )


def tracked(*folders):
    """The files that git keeps, below the given folders."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    words = ["git", "ls-files", "-z", "--", *folders]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_the_tree_is_small():
    assert sum(path.stat().st_size for path in tracked()) < 40e6
