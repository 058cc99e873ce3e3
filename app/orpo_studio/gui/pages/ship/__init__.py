"""The Ship page: the adapter, or one merged model, with the proof that it is what was trained."""

from orpo_studio.gui.pages.ship.page import ShipPage

__all__ = ["ShipPage"]
