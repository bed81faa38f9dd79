"""Images and audio, turned into files from whatever form a caller has them in. Knows no network."""
