"""Ways to train: what is sampled, how it is optimised, what is learnt first."""
