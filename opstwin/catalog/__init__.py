"""Components: what they need, how their presence is seen, what they should look like.

Pure declarations; effects do not belong here.
"""
