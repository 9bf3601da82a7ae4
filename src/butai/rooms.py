"""Every room of this Butai, registered in one place: adding a room is copying a folder and one line here."""

from __future__ import annotations

from butai.blueprints import pages as blueprints
from butai.board import pages as board
from butai.deploys import pages as deploys
from butai.environments import pages as environments
from butai.inventory import pages as inventory
from butai.web.room import Room

ROOMS: tuple[Room, ...] = (environments.ROOM, deploys.ROOM, blueprints.ROOM, board.RUNS, board.WORKERS, inventory.ROOM)
