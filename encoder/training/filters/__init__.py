"""Three stages that examples pass: form, repetition and leakage, plausibility."""
