"""What guards the verdicts: trace, audit, regress, and the trials of judge and instruments."""
