"""A trained model behind HTTP: audio in, probabilities out, nothing kept. Needs the extra `serve`."""
