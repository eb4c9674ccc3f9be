"""From scores to verdicts: claims, their predicates, the judge, what the verdicts say of the explanations."""
