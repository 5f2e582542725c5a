"""Tables and pages that tell people how good the search was."""
