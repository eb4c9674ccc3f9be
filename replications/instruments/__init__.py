"""Instruments: images in, one number per image out. Validated on a ladder of known damage before they judge.

NumPy, SciPy, scikit-image and scikit-learn only, except `recognition` and `classification`, which need a net and import
Keras when they are called.
"""
