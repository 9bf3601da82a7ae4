"""The fault matrix in short, for every `make test`: moments are chosen so that each comes up; `make soak` plays all cells."""

from __future__ import annotations

from kill.matrix.cells import Cell, Fault, Moment, Store, Target

ON_SQLITE = [
    (Target.WORKER, Moment.MID_APPLY, Fault.KILL),
    (Target.WORKER, Moment.AFTER_APPLY, Fault.TERM),
    (Target.WORKER, Moment.DURING_PLAN, Fault.FULL),
    (Target.SUPERVISOR, Moment.STATE_WRITTEN, Fault.KILL),
    (Target.SUPERVISOR, Moment.DURING_PLAN, Fault.TERM),
    (Target.SUPERVISOR, Moment.BEFORE_PLAN, Fault.FULL),
    (Target.ENGINE, Moment.DURING_DESTROY, Fault.KILL),
    (Target.ENGINE, Moment.MID_APPLY, Fault.TERM),
    (Target.ENGINE, Moment.STATE_WRITTEN, Fault.FULL),
    (Target.SERVER, Moment.BEFORE_PLAN, Fault.KILL),
    (Target.SERVER, Moment.MID_APPLY, Fault.TERM),
    (Target.SERVER, Moment.AFTER_APPLY, Fault.FULL),
]
ON_POSTGRESQL = [
    (Target.WORKER, Moment.MID_APPLY, Fault.KILL),
    (Target.WORKER, Moment.DURING_PLAN, Fault.CUT),
    (Target.DATABASE, Moment.STATE_WRITTEN, Fault.KILL),
    (Target.DATABASE, Moment.DURING_DESTROY, Fault.TERM),
    (Target.DATABASE, Moment.MID_APPLY, Fault.CUT),
]
IN_THE_CLOUD = [
    (Target.PROVIDER, Moment.MID_APPLY, Fault.KILL),
    (Target.PROVIDER, Moment.DURING_DESTROY, Fault.TERM),
    (Target.PROVIDER, Moment.MID_APPLY, Fault.CUT),
]
SQLITE = [Cell(Store.SQLITE, *each) for each in ON_SQLITE]
"""Each target once per kind of fault."""

CLOUD = [Cell(Store.SQLITE, *each, cloud=True) for each in IN_THE_CLOUD]
"""The provider, which is there in the cloud's cells only: `make test` plays the first, `make test-all` all three."""

POSTGRESQL = [Cell(Store.POSTGRESQL, *each) for each in ON_POSTGRESQL]
"""What only a database of its own and several workers can meet."""
