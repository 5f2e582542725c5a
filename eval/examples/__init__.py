"""Where an encoder's lessons come from: the catalog alone, judgments, clicks."""
