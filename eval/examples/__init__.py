"""Where an encoder's training examples come from: the catalog alone, judgments, clicks."""
