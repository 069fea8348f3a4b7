"""Scores in words: the same on a terminal, in Markdown and on a page."""

from .scores import ScoreFigures
from .wording import counted, percent

REASONS_SHOWN = 5


def score_value(value: float | None, *, share: bool) -> str:
    """A mean of scores: of right and wrong as a share, of others to four digits."""
    if value is None:
        return "-"
    return percent(value) if share else f"{value:.4g}"


def scorer_words(score: ScoreFigures) -> str:
    """What scored, where the name doesn't say it."""
    return "" if score.scorer in (None, score.name) else str(score.scorer)


def interval_words(score: ScoreFigures) -> str:
    """Where the mean lies with 95 %; nothing where there are too few questions."""
    if score.low is None or score.high is None:
        return "-"
    low, high = (score_value(end, share=score.share) for end in (score.low, score.high))
    return f"{low} to {high}"


def sample_words(score: ScoreFigures) -> list[str]:
    """What the samples of each question come to; nothing where each is asked once."""
    if score.samples is None:
        return []
    found = [f"{counted(score.questions, 'question')}, {score.samples} samples each"]
    for sign, chances in (("@", score.pass_at), ("^", score.pass_all)):
        if chances:
            ends = sorted({min(chances, key=int), max(chances, key=int)}, key=int)
            found += [f"pass{sign}{k} {percent(chances[k])}" for k in ends]
    if score.majority is not None:
        found.append(f"majority {score_value(score.majority, share=score.share)}")
    if score.agreement is not None:
        found.append(f"agreement {percent(score.agreement)}")
    return [", ".join(found)]


def unscored_words(score: ScoreFigures) -> list[str]:
    """Why jobs have no score, the commonest reasons, and whether answers came since."""
    reasons = list(score.reasons.items())
    found = [
        f"{counted(count, 'job')} without a score: {reason}"
        for reason, count in reasons[:REASONS_SHOWN]
    ]
    if others := sum(count for _, count in reasons[REASONS_SHOWN:]):
        found.append(f"{counted(others, 'job')} without a score for other reasons")
    if score.stale:
        came = f"{counted(score.stale, 'answer')} came after it was scored"
        found.append(f"{came}; run headrace score again")
    return found
