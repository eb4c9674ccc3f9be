"""pix2pix: Isola et al. 2017, image-to-image translation with conditional adversarial networks."""
