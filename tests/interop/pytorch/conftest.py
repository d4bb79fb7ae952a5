"""What several tests of checkpoints share."""

import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "latest_net_G.pth"
