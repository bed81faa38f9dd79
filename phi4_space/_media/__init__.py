"""Images and audio, from whatever form a caller has them in, as files. Knows no network."""
