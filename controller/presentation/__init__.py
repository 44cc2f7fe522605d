"""The data that people are shown: looked up, forecast and told, for every front end alike.

Nothing is drawn here and nothing is written to the cluster: a front end does both.
"""
