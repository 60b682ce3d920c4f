"""The network and the bundles it is kept in. Importing this is cheap: torch loads with `engine.model.bundle` only."""

from engine.model.card import DEFAULT_MODEL, ModelCard, find_model, list_models, model_folders, read_card

__all__ = ["DEFAULT_MODEL", "ModelCard", "find_model", "list_models", "model_folders", "read_card"]
