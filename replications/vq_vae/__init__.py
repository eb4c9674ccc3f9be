"""vq_vae: van den Oord et al. 2017, neural discrete representation learning."""
