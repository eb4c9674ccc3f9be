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
    return ops.mean(ops.softplus(-frozen_logits(discriminator, seen)))


def pairing_loss(better, worse):
    """−log σ(better − worse) of paired logits (Jolicoeur-Martineau 2019, section 3.2), the mean in nats.

    For the discriminator the real picture's logit is to be the better one, for the generator the other one's.
    """
    return ops.mean(ops.softplus(worse - better))


def gradient_penalty(discriminator: keras.Model, pictures, logits, noise, step: float):
    """E ‖∇D‖² at pictures (B, H, W, 3), without a second derivative, so on any backend; the mean over the batch.

    For a standard normal direction n, E[(n · ∇D)²] is ‖∇D‖²; n · ∇D is taken as a finite difference (as in the
    approximated R1 of Lin et al. 2025, Seaweed-APT).

    Args:
        discriminator: pictures → logits of being real.
        pictures: where the gradient is taken.
        logits: the discriminator's of these pictures.
        noise: standard normal, of the pictures' shape.
        step: deviation of the step, in the pictures' units.
    """
    further = discriminator(pictures + step * noise, training=True)
    return ops.mean(ops.square((further - logits) / step))


def frozen_logits(discriminator: keras.Model, seen):
    """The logits of what is seen by a discriminator that stands still: gradients go through it, none reach it."""
    frozen = [ops.stop_gradient(v.value) for v in discriminator.trainable_variables]
    still = [v.value for v in discriminator.non_trainable_variables]
    return discriminator.stateless_call(frozen, still, seen, training=True)[0]
