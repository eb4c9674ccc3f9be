"""vae_vs_gan: one decoder, one latent size, trained as autoencoder, VAE, GAN and both at once: the question itself."""
