"""Initial weights of layers that each have a seed of their own: equal seeds give equal nets, on any backend."""

import keras


class Seeds:
    """Hands out one integer after the other, so that no layer draws its seed from a global generator."""

    def __init__(self, seed: int):
        self.next = 1000 * seed

    def __call__(self) -> int:
        """The next one."""
        self.next += 1
        return self.next


def he(seeds: Seeds) -> keras.initializers.Initializer:
    """N(0, 2 / inputs), cut at two deviations: in front of a ReLU it keeps the variance (He et al. 2015)."""
    return keras.initializers.HeNormal(seed=seeds())


def glorot(seeds: Seeds) -> keras.initializers.Initializer:
    """Uniform of variance 2 / (inputs + outputs): in front of nothing, or of a sigmoid (Glorot and Bengio 2010)."""
    return keras.initializers.GlorotUniform(seed=seeds())
