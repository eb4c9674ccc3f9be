"""A discriminator in a loss that plain `fit` minimises: gradients go through it, and none reach its weights."""

import keras
from keras import ops


def adversarial_loss(discriminator: keras.Model, seen):
    """−log D(fake), the non-saturating form (Goodfellow et al. 2014, section 3), D standing still.

    Args:
        discriminator: its inputs → logits of being real.
        seen: what it is shown, made by the generator; gradients reach that alone.

    Returns:
        The mean over logits, in nats.
    """
    frozen = [ops.stop_gradient(v.value) for v in discriminator.trainable_variables]
    still = [v.value for v in discriminator.non_trainable_variables]
    logits = discriminator.stateless_call(frozen, still, seen, training=True)[0]
    return ops.mean(ops.softplus(-logits))
