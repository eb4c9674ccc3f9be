"""spatial_z_vae: the size and the layout of the latent (github.com/seasonyc/Spatial-Z-VAE, January 2019)."""
