"""The paper's rivals: mask-to-image translation by Pix2Pix and DiscoGAN, in 3D, trained and run as Med-DDPM is."""
