"""The room of Spatial-Z-VAE (github.com/seasonyc/Spatial-Z-VAE, January 2019): flat and spatial latents of several sizes."""
