"""How good a translator is: scores over a split, beside baselines."""

from tfi2i.evaluation.protocol import Scores, mean_image, score

__all__ = ["Scores", "mean_image", "score"]
