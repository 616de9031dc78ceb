"""What starts the daemons of a cluster."""

import os
import shlex


class Programs:
    """`OTHER_NSQD` is the third nsqd and `OTHER_NSQLOOKUPD` the second nsqlookupd, where they are named."""

    def __init__(self, nsqd):
        nsqlookupd = named("NSQLOOKUPD") or [nsqd[0], "nsqlookupd"]
        other_nsqd, other_nsqlookupd = named("OTHER_NSQD"), named("OTHER_NSQLOOKUPD")
        self.nsqd = [nsqd, nsqd, other_nsqd or nsqd]
        self.nsqlookupd = [nsqlookupd, other_nsqlookupd or nsqlookupd]
        self.are_ours = not other_nsqd and not named("NSQD")


def named(variable):
    return shlex.split(os.environ.get(variable, ""))
