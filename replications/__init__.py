"""Why is a VAE's output blurred while a GAN's is crisp? Claims, experiments, verdicts."""
