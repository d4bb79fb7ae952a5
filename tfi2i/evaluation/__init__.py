"""How good a translator is: scores over a split, beside baselines."""

from tfi2i.evaluation.evaluate_sources import Evaluation, evaluate
from tfi2i.evaluation.protocol import Scores, mean_image, score
from tfi2i.evaluation.score_table import scores_table

__all__ = ["Evaluation", "Scores", "evaluate", "mean_image", "score", "scores_table"]
