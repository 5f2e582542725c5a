"""Where an encoder's lessons come from: the catalogue alone, judgments, clicks."""
