"""V3: a mixture-of-experts encoder with one gate for queries and one for documents.

Importing this package makes V3 folders known to transformers and sentence-transformers.
"""

from ..installed import require_models

require_models("Making or running a V3 model that is not compiled")

from transformers import AutoConfig, AutoModel

from .config import V3Config
from .folder import is_v3_folder
from .model import V3Model

AutoConfig.register(V3Config.model_type, V3Config, exist_ok=True)
AutoModel.register(V3Config, V3Model, exist_ok=True)

__all__ = ["V3Config", "V3Model", "is_v3_folder"]
