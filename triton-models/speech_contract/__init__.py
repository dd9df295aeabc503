"""The contract of a speech model behind Triton: the tensors, the parameters and how a batch is answered.

`errors` and `params` need the standard library alone, `serving` needs numpy.
"""
