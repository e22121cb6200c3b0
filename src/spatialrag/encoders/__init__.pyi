from .color import Color as Color
from .dihedral import Dihedral as Dihedral
from .embedding import embed as embed
from .embeddings import Embeddings as Embeddings, EncoderRecord as EncoderRecord
from .encoder import (
    ConcurrentEncoder as ConcurrentEncoder,
    Encoder as Encoder,
    PatchEncoder as PatchEncoder,
    SpotEncoder as SpotEncoder,
    make_encoder as make_encoder,
)
from .load import load_encoder as load_encoder
from .onnx import OnnxEncoder as OnnxEncoder
from .precomputed import Precomputed as Precomputed
from .tiles import Tiles as Tiles, embed_tiles as embed_tiles
from .zoo import zoo as zoo
