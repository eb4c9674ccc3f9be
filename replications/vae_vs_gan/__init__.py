"""vae_vs_gan: the question itself; Larsen et al. 2016, autoencoding beyond pixels."""
