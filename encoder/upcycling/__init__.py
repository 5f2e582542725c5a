"""Make a V3 model of a dense one."""

from ..installed import require_models

require_models("Making a V3 model")
