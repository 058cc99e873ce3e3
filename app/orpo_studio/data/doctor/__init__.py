"""The data doctor: what is wrong with converted preference data, and what can be done about it. No Qt, no torch.

``examination.examine`` runs the checks, each a function of its own in the module of its kind, and gives a
``report.Report``; ``remedies.apply_remedies`` makes a new version of the data.
"""
