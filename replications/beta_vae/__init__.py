"""beta_vae: Higgins et al. 2017, beta-VAE; Rybkin et al. 2021, calibrated decoders (sigma-VAE)."""
