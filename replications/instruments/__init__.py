"""Instruments: images in, one number per image out. Validated on a ladder of known damage before they judge.

NumPy, SciPy and scikit-image only, except `recognition`, which needs a net and imports Keras when it is called.
"""
