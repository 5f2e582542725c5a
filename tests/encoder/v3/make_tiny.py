"""Make the tiny V3 model that the tests load: `python tests/encoder/v3/make_tiny.py`.

Its weights are random, from a fixed seed; its words are those of a small shop. It encodes nothing
well, but it is a whole model folder, with tokenizer, pooling and both gates.
"""

from __future__ import annotations

import string
import sys
from pathlib import Path

import torch
from dsv3.encoder.v3 import V3Config, V3Model
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertTokenizer

WORDS = """
a and black blue bluetooth boots cable camera case charger coat cotton cup desk for hdmi headphones
hiking hub in jacket keyboard lamp large laptop leather light men monitor mouse of paper phone
printer red running screen shoes silent size small speaker steel table the toner usb warm water
white wireless with women wool
"""


def make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    letters = [*string.ascii_lowercase, *string.digits]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *letters]
    vocabulary += [f"##{letter}" for letter in letters]
    vocabulary += [word for word in WORDS.split() if word not in vocabulary]
    words = folder / "vocab.txt"
    words.write_text("\n".join(vocabulary) + "\n")
    tokenizer = BertTokenizer(vocab=str(words), model_max_length=64)
    tokenizer.save_pretrained(str(folder))
    words.unlink()
    torch.manual_seed(7)
    config = V3Config(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        moe_layers=[0, 2],
        moe_intermediate_size=32,
        shared_intermediate_size=48,
        position_table_size=64,
        max_position_embeddings=512,
        initializer_range=0.2,
    )
    V3Model(config).save_pretrained(folder)
    transformer = Transformer(str(folder), max_seq_length=64)
    pooling = Pooling(transformer.get_embedding_dimension())
    model = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")
    model.module_kwargs = {"0": ["task"]}
    model.save_pretrained(str(folder), create_model_card=False)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "tiny")
