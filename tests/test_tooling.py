"""What checks the project: commit hooks, the workflow, and the types that users see."""

import configparser
import json
import re
from pathlib import Path

import tfi2i

ROOT = Path(tfi2i.__file__).parents[1]


def test_the_commit_hooks_run_the_ruff_that_ci_runs():
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    pinned = re.search(r"^ruff==(\S+)$", constraints, re.MULTILINE)[1]
    assert f"ruff-pre-commit\n    rev: v{pinned}\n" in hooks


def test_the_workflow_runs_ci_with_pinned_actions_on_supported_pythons():
    workflow = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    assert "\n      - run: .ci/run\n" in workflow
    actions = re.findall(r"uses: (\S+)", workflow)
    assert actions
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used) for used in actions)
    tested = json.loads(re.search(r"python: (\[.*\])", workflow)[1])
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    supported = re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    assert tested == [supported[0], supported[-1]]
