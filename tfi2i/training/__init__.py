"""Training runs: strategy, data, model, `fit`, and everything kept on the way."""

from tfi2i.models.schedules import ConstantThenLinear

__all__ = ["ConstantThenLinear"]
