"""Look inside a FAISS index: what it is made of, and which search settings reach which part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...errors import InputError
from .backend import Faiss, faiss

Kind = Literal["flat", "codes", "graph", "lists"]


@dataclass(frozen=True, slots=True)
class Structure:
    """What decides how an index is searched.

    Attributes:
        kind: "flat" scores every vector exactly, "codes" scores every compressed vector,
            "graph" is HNSW, "lists" is an inverted file.
        core: the FAISS index that does it, under any refinement or transformation.
        keeps_vectors: the core holds the exact vectors in one piece.
        refined: candidates are scored again from finer codes.
        coarse: codes are so short that many candidates are needed before exact scoring.

    """

    kind: Kind
    core: Faiss
    keeps_vectors: bool
    refined: bool
    coarse: bool

    @property
    def lists(self) -> int:
        """Count the inverted lists; 0 where there are none."""
        return int(self.core.nlist) if self.kind == "lists" else 0


def look_into(index: Faiss) -> Structure:
    """Describe an index; raises InputError where it cannot be searched with a filter."""
    module = faiss()
    refined = transformed = False
    core = module.downcast_index(index)
    while isinstance(core, module.IndexRefine | module.IndexPreTransform):
        if isinstance(core, module.IndexRefine):
            refined = True
            core = module.downcast_index(core.base_index)
        else:
            transformed = True
            core = module.downcast_index(core.index)
    kind = _kind(module, core)
    held = module.downcast_index(core.storage) if kind == "graph" else core
    plain = isinstance(held, module.IndexFlat)
    return Structure(
        kind=kind,
        core=core,
        keeps_vectors=plain and not transformed and not refined,
        refined=refined,
        coarse=not refined and (transformed or not (plain or _fine(module, held))),
    )


def flat_storage(structure: Structure) -> Faiss:
    """Return the flat index that holds the vectors of a structure that keeps them."""
    core = structure.core
    return faiss().downcast_index(core.storage) if structure.kind == "graph" else core


def search_parameters(
    index: Faiss, *, breadth: int, factor: float, selector: Faiss | None
) -> Faiss:
    """Build the settings of one search, from the outermost part to the innermost.

    `breadth` is efSearch or nprobe; `factor` how many candidates a refinement scores for
    every result; `selector` None searches everything.
    """
    module = faiss()
    index = module.downcast_index(index)
    chosen = {} if selector is None else {"sel": selector}
    if isinstance(index, module.IndexRefine):
        base = search_parameters(
            index.base_index, breadth=breadth, factor=factor, selector=selector
        )
        return module.IndexRefineSearchParameters(k_factor=factor, base_index_params=base)
    if isinstance(index, module.IndexPreTransform):
        inner = search_parameters(index.index, breadth=breadth, factor=factor, selector=selector)
        return module.SearchParametersPreTransform(index_params=inner)
    if isinstance(index, module.IndexHNSW):
        return module.SearchParametersHNSW(efSearch=breadth, **chosen)
    if isinstance(index, module.IndexIVF):
        settings = {"nprobe": breadth, **chosen}
        if isinstance(module.downcast_index(index.quantizer), module.IndexHNSW):
            settings["quantizer_params"] = module.SearchParametersHNSW(efSearch=2 * breadth)
        return module.SearchParametersIVF(**settings)
    return module.SearchParameters(**chosen)


def _kind(module: Faiss, core: Faiss) -> Kind:
    kinds: list[tuple[Faiss, Kind]] = [
        (module.IndexFlat, "flat"),
        (module.IndexHNSW, "graph"),
        (module.IndexIVF, "lists"),
        (module.IndexScalarQuantizer, "codes"),
        (module.IndexRaBitQ, "codes"),
    ]
    for cls, kind in kinds:
        if isinstance(core, cls):
            return kind
    raise InputError(f"{type(core).__name__} takes no filter, so it cannot be searched by dsv3")


def _fine(module: Faiss, held: Faiss) -> bool:
    scalar = isinstance(held, module.IndexScalarQuantizer | module.IndexIVFScalarQuantizer)
    return isinstance(held, module.IndexIVFFlat) or (scalar and held.sq.code_size * 2 > held.d)
