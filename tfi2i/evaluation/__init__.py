"""How good a translator is: scores over a split, beside baselines."""

from tfi2i.evaluation.evaluate_sources import Evaluation, evaluate
from tfi2i.evaluation.protocol import Scores

__all__ = ["Evaluation", "Scores", "evaluate"]
