"""The first call, and SnapStart."""

from collections.abc import Mapping

from tools.conformance.case import Aspect, Case, Group, Rule
from tools.support.fake_api import Reply, event, reply

SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
RESTORED = Reply((reply("200 OK"),))
HOOKS = """
from snapshot_restore_py import register_before_snapshot, register_after_restore
register_before_snapshot(print, 'before 1')
register_before_snapshot(print, 'before 2')
register_after_restore(print, 'after 1')
register_after_restore(print, 'after 2')
def handler(event, context): return event
"""
FAILED: Mapping[Aspect, Rule] = {"headers": Rule.INIT_JSON, "bodies": Rule.OWN_FRAMES, "log": Rule.OWN_FRAMES}
LEFT: Mapping[Aspect, Rule] = {"headers": Rule.INIT_JSON, "bodies": Rule.EXIT_TYPE, "log": Rule.EXIT_TYPE}


def failing(when: str) -> str:
    return f"{HOOKS}\ndef fail(): raise ValueError('é')\nregister_{when}(fail)\n"


SNAPSTART = Group(
    "SnapStart",
    (
        Case("no hooks", get_replies=(RESTORED, event({})), variables=SNAP_START),
        Case("hooks in their order", HOOKS, (RESTORED, event({})), variables=SNAP_START),
        Case("hooks are left alone without SnapStart", HOOKS),
        Case(
            "a hook before the snapshot fails",
            failing("before_snapshot"),
            (RESTORED,),
            variables=SNAP_START,
            differs=FAILED,
        ),
        Case(
            "a hook after the restore fails",
            failing("after_restore"),
            (RESTORED,),
            variables=SNAP_START,
            differs=FAILED,
        ),
        Case(
            "a hook after the restore leaves the process",
            f"{HOOKS}\nimport sys\nregister_after_restore(sys.exit, 3)",
            (RESTORED,),
            variables=SNAP_START,
            differs=LEFT,
        ),
    ),
)

START = Group(
    "Start",
    (
        Case(
            "what the first call says of its sender",
            every_header=True,
            differs={"headers": Rule.USER_AGENT},
        ),
    ),
)
