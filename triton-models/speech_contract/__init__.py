"""The contract of a speech model behind Triton: tensors, parameters, errors, and responses to a batch.

`errors` and `params` need only the standard library, `serving` also numpy.
"""
