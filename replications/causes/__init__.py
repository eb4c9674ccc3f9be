"""causes: what blurs, taken apart on one decoder and on data whose distribution is listed."""
