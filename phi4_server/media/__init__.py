"""Files of strangers, decoded in processes of their own. Knows no model."""
