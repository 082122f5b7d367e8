"""Learning from imagery: encoders from unlabelled pictures. Needs the extra `train`."""
