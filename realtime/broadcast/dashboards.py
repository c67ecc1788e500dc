"""Watched dashboards, and whether each of them shows a machine."""

from collections.abc import Collection, Mapping

import structlog
from django.db import DatabaseError

from sensors.catalogue.cache import get_catalogue
from sensors.catalogue.descriptions import CatalogueSnapshot
from sensors.messages import scope_key_of
from sensors.scopes import EVERYTHING, Scope, parse_scope
from sensors.store.store import Store

log = structlog.get_logger(__name__)


class WatchedDashboards:
    """The scopes of the dashboards that some process shows, applied to the machines.

    A hub records the text of each scope together with its topic. While a scope or the catalogue
    cannot be read, the scope's dashboard is left out: it gets no frames, and the hub's check reads
    the log instead. A machine that the catalogue lacks is in no restricted scope.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watched: frozenset[str] = frozenset()
        self._scopes: dict[str, Scope] = {}
        self._missing: frozenset[str] = frozenset()
        self._refused: frozenset[str] = frozenset()
        self._snapshot: CatalogueSnapshot | None = None
        self._is_catalogue_away = False
        self._shows: dict[str, Mapping[str, bool]] = {}

    async def update(self, watched: frozenset[str]) -> None:
        """Apply the topics that are watched now, and the newest catalogue. Raises LogUnavailable.

        Reads the texts of new scopes; the catalogue only while a restricted scope is watched.
        """
        if watched is not self._watched or self._missing:
            await self._update_scopes(watched)
        if any(self._scopes):
            await self._update_catalogue()

    def showing(self, machine_id: str) -> Mapping[str, bool]:
        """Return the dashboards by scope key, each with whether it shows the machine."""
        shows = self._shows.get(machine_id)
        if shows is None:
            shows = self._shows[machine_id] = self._apply_scopes(machine_id)
        return shows

    def _apply_scopes(self, machine_id: str) -> Mapping[str, bool]:
        if self._snapshot is None:
            return {key: True for key, scope in self._scopes.items() if scope.is_everything}
        machine = self._snapshot.machines.get(machine_id)
        return {
            key: scope.is_everything or (machine is not None and scope.sees(machine))
            for key, scope in self._scopes.items()
        }

    async def _update_scopes(self, watched: frozenset[str]) -> None:
        keys = frozenset(key for topic in watched if (key := scope_key_of(topic)) is not None)
        self._refused &= keys
        scopes = {key: self._scopes[key] for key in keys & self._scopes.keys()}
        scopes |= await self._read_scopes(keys - scopes.keys() - self._refused)
        self._missing = keys - scopes.keys() - self._refused
        self._watched = watched
        if scopes.keys() != self._scopes.keys():
            self._scopes = scopes
            self._shows.clear()

    async def _read_scopes(self, keys: Collection[str]) -> dict[str, Scope]:
        """Read the scopes of these keys, as far as their texts are there."""
        restricted = [key for key in keys if key != EVERYTHING.key]
        scopes = {EVERYTHING.key: EVERYTHING} if EVERYTHING.key in keys else {}
        if restricted:
            texts = await self._store.audience.scope_texts(restricted)
            for key, text in zip(restricted, texts, strict=True):
                if text and (scope := self._parse(key, text)) is not None:
                    scopes[key] = scope
        return scopes

    def _parse(self, key: str, text: str) -> Scope | None:
        """Return the scope; None for a text that is not the text of this key."""
        try:
            scope = parse_scope(text)
        except ValueError:
            scope = EVERYTHING
        if scope.key == key:
            return scope
        self._refused |= {key}
        log.error("scope_refused", key=key, text=text[:200])
        return None

    async def _update_catalogue(self) -> None:
        try:
            snapshot = await get_catalogue().current()
        except DatabaseError as exc:
            # Before the first read only: after it the catalogue keeps its last snapshot.
            if not self._is_catalogue_away:
                log.warning("scopes_not_applied", error=str(exc).strip())
            self._is_catalogue_away = True
            return
        self._is_catalogue_away = False
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._shows.clear()
