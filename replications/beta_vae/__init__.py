"""beta_vae: the weight of the KL term (Higgins et al. 2017; Rybkin et al. 2021, sigma-VAE)."""
