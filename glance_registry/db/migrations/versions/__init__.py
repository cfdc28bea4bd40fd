"""One module per revision; the number in its name is its position.

``rNNx`` are revisions of the expand branch, ``rNNy`` of the contract branch.
"""
