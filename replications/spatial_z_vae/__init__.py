"""spatial_z_vae: seasonyc 2019, Spatial-Z-VAE (github.com/seasonyc/Spatial-Z-VAE)."""
