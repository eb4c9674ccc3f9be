"""causes: what blurs, taken apart on one decoder."""
