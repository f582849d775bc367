"""Chunks of a store as HDF5's Blosc2 filter reads them."""

from __future__ import annotations

from typing import Any, Final

import blosc2
import numpy as np
from numpy.typing import NDArray

_CODING: Final = {
    "codec": blosc2.Codec.LZ4HC,
    "clevel": 5,
    "filters_meta": [0],
    "blocksize": 1 << 16,
    "nthreads": 1,
}


def encode_chunk(pixels: NDArray[Any]) -> bytes:
    """A chunk as HDF5's Blosc2 filter reads it, but smaller than the one it writes itself; single bytes unshuffled."""
    shuffle = blosc2.Filter.SHUFFLE if pixels.itemsize > 1 else blosc2.Filter.NOFILTER
    parameters = {**_CODING, "typesize": pixels.itemsize, "filters": [shuffle]}
    chunk = blosc2.SChunk(chunksize=pixels.nbytes, cparams=parameters)
    chunk.append_data(np.ascontiguousarray(pixels))
    encoded: bytes = chunk.to_cframe()
    return encoded
